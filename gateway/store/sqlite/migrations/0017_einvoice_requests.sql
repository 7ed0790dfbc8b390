-- Requests for the numbers of e-invoices (8999), found again by who sent them and their MsgID.
CREATE INDEX archive_number_requests ON archive (peer, msg_id, id)
    WHERE number = '8999' AND direction = 'in';
