"""The reference receiver a county can run or copy."""
