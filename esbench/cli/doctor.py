"""`esbench doctor`."""


def doctor() -> int:
    """Status 1 where the smoke run fails."""
    from esbench.doctor import examine

    found = ""
    for name, found in examine():
        print(f"{name:18} {found}", flush=True)
    return 0 if found.startswith("ok") else 1
