"""The pages of the HTML report, a kind a file: each says which template shows what."""
