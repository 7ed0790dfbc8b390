"""Daily figures from the books: gathering, closing days, posting files, monthly statements."""
