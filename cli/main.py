"""The command group; commands are imported when they are run, so that ``--help`` answers at once."""

import importlib
import sys
import traceback
from typing import Any

import click

from privaudit._version import __version__
from privaudit.errors import ConfigError, PrivauditError

OK, GATE_FAILED, USAGE, INCONCLUSIVE, FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130

COMMANDS = {
    "run": "The main job: train shadow models, attack, estimate, report.",
    "attack": "Attack again from stored signals, without training.",
    "init": "Write an audit.yaml and a target.py to start from.",
    "canaries": "Insert canaries before training, evaluate after: the audit in one training run.",
    "scores": "Audit saved scores of any framework: csv, parquet or npz.",
    "report": "Write a stored report as HTML, Markdown or JSON.",
    "defend": "The same audit before and after each defense, with an attacker who knows it.",
    "distribution": "Tell from models' answers which population they were trained on.",
    "gate": "Judge a report by a policy; the exit code is the verdict.",
    "lint": "Check audit configs and policies without running anything.",
    "bounds": "What DP-SGD's parameters guarantee: epsilon, TPR at FPR, Bayes security.",
    "plan": "How many canaries or trainings an audit needs, what it could show and what it costs.",
    "study": "Reproduce a paper's claim or a benchmark of ours: the zoo of broken DP-SGD, black-box audits, ...",
    "list": "List attacks, defenses, estimators, games, models and data sets.",
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and summaries without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of a user's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"privaudit.cli.{cmd_name}_command")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summaries from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Name the nearest command for an unknown one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from privaudit.validate import nearest

            known = ", ".join(COMMANDS)
            raise ConfigError(f"no command {args[0]!r}; there are {known}.{nearest(args[0], COMMANDS)}") from None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="privaudit")
def privaudit() -> None:
    """Audit what a trained model gives away about its training data, and whether its privacy claim is true.

    Start with `privaudit run` (a bundled model without and with DP-SGD, about a minute), then `privaudit init` for your own model.

    Exit codes: 0 ok, 1 gate failed, 2 usage or config error, 3 inconclusive, 4 any other error, 130 interrupted.
    """


def main(args: list[str] | None = None) -> None:
    """Run the command and exit; errors are one line on stderr unless ``--debug`` is given."""
    arguments = sys.argv[1:] if args is None else args
    sys.exit(exit_code(arguments))


def exit_code(arguments: list[str]) -> int:
    """Run the command and return its exit code; used by `main` and by whoever embeds the command."""
    is_debug = "--debug" in arguments
    try:
        result = privaudit.main(args=arguments, prog_name="privaudit", standalone_mode=False)
        return int(result) if isinstance(result, int) else OK
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _say("interrupted. Finished models are kept; the same command goes on from there.", INTERRUPTED)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.UsageError as error:
        return _say(f"{error.format_message()} (`{_help_of(error)}` shows the options)", USAGE)
    except click.ClickException as error:
        return _say(error.format_message(), FAILED)
    except SystemExit:  # click's way out when a reader closed stdout; never the 1 of a failed gate
        return FAILED
    except Exception as error:  # noqa: BLE001 - one that got out would end Python with 1, the code of a failed gate
        if is_debug:
            traceback.print_exc()
        return _say(*_told(error))


def _told(error: Exception) -> tuple[str, int]:
    """Return the line and the exit code of an error."""
    if isinstance(error, PrivauditError):
        return str(error), USAGE if isinstance(error, ConfigError) else FAILED
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}.", FAILED
    if isinstance(error, MemoryError):
        return f"out of memory ({error}). Take less data, fewer models or smaller groups of them.", FAILED
    what = f"{type(error).__name__}: {error}".strip(" .:")
    return (
        f"unexpected {what}. Unless it is from code of your own, this is a bug of privaudit; --debug shows where.",
        FAILED,
    )


def _help_of(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx else "privaudit"
    return f"{path} --help"


def _say(message: str, code: int) -> int:
    line = " ".join(message.split()).replace(
        "##[", "## ["
    )  # one line, and no command to a CI runner, whatever a library put into it
    click.echo(f"privaudit: {line}", err=True)
    return code
