"""Runs a command for as long as standard input stays open.

    guard.py SCRATCH COMMAND...

Whoever starts the guard holds the other end of its standard input. However that process ends, even by SIGKILL, the
pipe closes: the guard then kills the command with all that it started, and removes the directory SCRATCH ("-": none).
"""

import os
import shutil
import signal
import subprocess
import sys
import threading


def end_with_pipe(pid: int) -> None:
    while os.read(0, 4096):
        pass
    kill_group(pid)


def kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def main(scratch: str, *command: str) -> int:
    # Ctrl-C reaches every process of the terminal; the one that started us decides what it means, and the pipe tells.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A session of its own is a process group of its own: one kill reaches the command and its children.
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=restore_interrupt
        )
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: kill_group(child.pid))
    threading.Thread(target=end_with_pipe, args=(child.pid,), daemon=True).start()
    code = child.wait()
    kill_group(child.pid)
    if scratch != "-":
        shutil.rmtree(scratch, ignore_errors=True)
    return code if code >= 0 else 128 - code


def restore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
