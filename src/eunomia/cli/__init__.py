"""The commands ecli and ecc: parse arguments, call the library, print."""
