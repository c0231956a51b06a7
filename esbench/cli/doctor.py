"""`esbench doctor`."""


def doctor() -> int:
    """Status 1 where the smoke run fails."""
    from esbench.doctor import examine
    from esbench.experiment.terminal.progress import passing

    found = ""
    with passing() as say:
        for name, found in examine(say):
            say("")
            print(f"{name:18} {found}", flush=True)
    return 0 if found.startswith("ok") else 1
