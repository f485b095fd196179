#!/usr/bin/env python3
"""Records transcripts.txt anew: runs each of its commands with GNU's programs, in a fresh directory with the files of
files.rs, at 2026-01-02 03:04:05 UTC (needs faketime), in the C locale. Lines that begin with $ and < are kept."""

import ast, os, re, shutil, subprocess, sys, tempfile

here = os.path.dirname(os.path.abspath(__file__))
table = re.search(r"const FILES.*?= &\[(.*?)\n\];", open(f"{here}/files.rs").read(), re.S).group(1)
FILES = [(name, ast.literal_eval("b" + text)) for name, text in re.findall(r'\(\s*"([^"]*)",\s*b("(?:[^"\\]|\\.)*"),?\s*\)', table)]
LONG_AGO, RECENTLY = 981173106, 1767056523
ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "NO_FAKE_STAT": "1"}


def fixture(root):
    for name, content in FILES:
        path = f"{root}/{name}"
        if name.endswith("/"):
            os.makedirs(path)
            continue
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, 0o755 if name == "run.sh" else 0o644)
    for name, _ in FILES:
        time = RECENTLY if name == "recent.txt" else LONG_AGO
        os.utime(f"{root}/{name}", (time, time))


def meant(line):
    text = re.sub(rb"\\(x[0-9a-f]{2}|\\)", lambda m: bytes([int(m[1][1:], 16)]) if m[1] != b"\\" else b"\\", line[1:].encode())
    return text + (b"" if line[:1] == "-" else b"\n")


def shown(mark, text):
    lines = []
    for line in text.splitlines(keepends=True) if b"\r" not in text else re.findall(rb"[^\n]*\n|[^\n]+", text):
        body = line.removesuffix(b"\n")
        escaped = "".join("\\\\" if b == 92 else chr(b) if 32 <= b < 127 or b == 9 else f"\\x{b:02x}" for b in body)
        kind = ("" if body == b"" else " ") if line.endswith(b"\n") else "-"
        lines.append(mark + kind + escaped)
    return lines


out = []
block = []


def finish():
    if not block:
        return
    script, stdin = block[0][2:], b"".join(meant(line[1:]) for line in block[1:])
    with tempfile.TemporaryDirectory() as parent:
        root = f"{parent}/w"
        os.mkdir(root)
        fixture(root)
        done = subprocess.run(
            ["faketime", "-f", "2026-01-02 03:04:05", "bash", "-c", script.replace(" ; ", "\n")],
            cwd=root, env=ENV, input=stdin, capture_output=True)
        printed = done.stdout.replace(b" root root ", b" kafka kafka ")
        error = re.sub(rb"^bash: line \d+: ", b"", done.stderr, flags=re.M)
    out.extend(block + shown(">", printed) + shown("!", error) + [f"= {done.returncode}", ""])


for line in open(f"{here}/transcripts.txt").read().split("\n") + ["$"]:
    if line.startswith("$"):
        finish()
        block = [line]
    elif line.startswith("<"):
        block.append(line)
    elif line.startswith("#"):
        finish()
        block = []
        out += [line, ""]
open(f"{here}/transcripts.txt", "w").write("\n".join(out))
