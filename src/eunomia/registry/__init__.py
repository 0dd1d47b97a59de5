"""Where packages come from: files, URLs, standard input, built-in tools."""
