"""Pure. Providers: where each is dialled, with which headers, in which dialect, one file each."""
