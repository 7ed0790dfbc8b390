"""The inbox (问题凭证): what was authentic but malformed, kept until people have dealt with it.

One person proposes a correction, another accepts it. It then goes through the very flow that the
message would have gone through.
"""
