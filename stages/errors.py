"""The one error a person can mend."""


class InputError(Exception):
    """Something a person gave does not fit.

    Args:
        where: File, key or option that does not fit, as the person would find it.
        expected: What would have fitted.
        received: What was there instead.
        next_step: What to do now, as an imperative.
    """

    def __init__(self, where: object, expected: str, received: object, next_step: str) -> None:
        line = f"{where}: expected {expected}, received {received}; {next_step}"
        super().__init__(" ".join(line.split()))
