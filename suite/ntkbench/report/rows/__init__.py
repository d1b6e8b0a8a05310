"""What the pages ask for: a row type a question, with the SQL that answers it."""
