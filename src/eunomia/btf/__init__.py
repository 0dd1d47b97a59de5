"""Types of an object: ELF, BTF, C declarations, plans."""
