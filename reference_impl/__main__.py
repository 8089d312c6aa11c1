"""`python -m reference_impl`, the same as the command `conv2d-reference`."""

import sys


def main() -> None:
    try:
        from .cli import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("reference_impl"):
            raise
        sys.exit(f"the command line needs {error.name}: pip install 'conv2d-reference-impl[verify]'")
    app(prog_name="conv2d-reference")


if __name__ == "__main__":
    main()
