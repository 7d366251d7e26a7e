"""Builds a stage of the Dockerfile without Docker: its instructions one by one, on an overlay.

The base image is this machine's own file system, read-only below an overlay, so that ``useradd`` or
``apt-get`` change nothing here: what they write lands in a folder. Every command mounts in its own
mount namespace, which ends with its process. It needs Linux, root (as CI has) and overlay mounts.
"""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.containers.dockerfile import Stage, environment, run_options

#: Passed on to find packages as they are found outside: index, proxy, certificates, uv's cache.
PASSED_ON = (
    "PIP_", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_CACHE_DIR",
    "SSL_CERT", "REQUESTS_CA", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip
#: Compiling takes as long as all the rest, and the packages are the same without.
OVERRIDDEN = {"UV_COMPILE_BYTECODE": "0"}
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Mounts what an image wrote over this machine's root, and runs a command in there.
ENTER = """
set -eu
mount -t overlay overlay -o "lowerdir=/,upperdir=$STATE,workdir=$SCRATCH/work" "$SCRATCH/root"
mount --rbind /proc "$SCRATCH/root/proc"
mount --rbind /dev "$SCRATCH/root/dev"
eval "$BINDS"
exec chroot --userspec="$USERSPEC" --groups= "$SCRATCH/root" env -i -- "$@"
"""


@dataclass
class Image:
    """The current state of a stage."""

    #: The files that its instructions wrote, by their path from the root.
    state: Path
    environment: dict[str, str]
    workdir: str = "/"
    user: str = "0:0"
    #: Instructions that only describe: CMD, EXPOSE, HEALTHCHECK, VOLUME.
    settings: dict[str, str] = field(default_factory=dict)

    def path(self, inside: str) -> Path:
        """The path on this machine of ``inside``, a path in the image."""
        return self.state / os.path.join(self.workdir, inside).lstrip("/")


class Builder:
    """Builds stages below ``scratch``, once each; ``context`` holds what Docker would be sent."""

    def __init__(self, stages: dict[str, Stage], context: Path, scratch: Path) -> None:
        self._stages, self._context, self._scratch = stages, context, scratch
        self._images: dict[str, Image] = {}
        #: The text of each RUN that succeeded.
        self.executed: list[str] = []

    def build(self, name: str) -> Image:
        """The image of a stage, or of a base image, which is this machine.

        Raises:
            subprocess.CalledProcessError: a command failed; ``output`` is what it printed.
        """
        if name not in self._images:
            state = self._scratch / name.replace("/", "_")
            stage = self._stages.get(name)
            built = self._base_image(state) if stage is None else self._of_stage(stage, state)
            self._images[name] = built
        return self._images[name]

    def run(self, image: Image, words: list[str], binds: dict[str, Path] | None = None) -> str:
        """Run a command in an image, which keeps what it writes. Returns its output.

        ``binds``: folders of this machine by where they appear in the image.

        Raises:
            subprocess.CalledProcessError: it failed; ``output`` is what it printed.
        """
        scratch = self._scratch / "mounts"
        for folder in (scratch / "work", scratch / "root"):
            folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "STATE": str(image.state),
            "SCRATCH": str(scratch),
            "BINDS": "\n".join(
                f"mount --bind {folder} {scratch}/root{target}"
                for target, folder in (binds or {}).items()
            ),
            "USERSPEC": image.user,
        }
        variables = [f"{name}={value}" for name, value in image.environment.items()]
        # Docker takes HOME from the user's line in /etc/passwd, too.
        begin = f"""
            HOME=$(getent passwd "$(id -u)" | cut -d: -f6); export HOME
            cd {shlex.quote(image.workdir)} && exec "$@"
        """
        inside = ["/bin/sh", "-c", begin, "sh", *words]
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", ENTER, "sh", *variables, *inside],
            env=os.environ | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        ).stdout

    def _base_image(self, state: Path) -> Image:
        """This machine, with its Python where the official image has one: below /usr/local."""
        state.mkdir(parents=True)
        state.chmod(0o755)
        passed_on = {
            name: value for name, value in os.environ.items() if name.upper().startswith(PASSED_ON)
        }
        image = Image(state, passed_on | {"PATH": PATH})
        # In a Docker container these two are mounts, which an overlay does not see.
        (state / "etc").mkdir()
        for name in ("resolv.conf", "hosts"):
            shutil.copy(f"/etc/{name}", state / "etc" / name)
        # The image's user has to reach the interpreter, which may be in a home directory.
        for parent in reversed(Path(sys.base_prefix).parents[:-1]):
            (state / parent.relative_to("/")).mkdir(mode=0o755, exist_ok=True)
        self.run(image, [os.path.realpath(sys.executable), "-m", "venv", "/usr/local"])
        return image

    def _of_stage(self, stage: Stage, state: Path) -> Image:
        base = self.build(stage.base)
        shutil.copytree(base.state, state, symlinks=True)
        image = Image(state, base.environment, base.workdir, base.user, dict(base.settings))
        for each in stage.instructions:
            if each.name == "RUN":
                self._run_line(image, each.text)
            elif each.name == "COPY":
                self._copy(image, each.text.split())
            elif each.name == "ENV":
                image.environment = environment(each.text, image.environment) | OVERRIDDEN
            elif each.name == "WORKDIR":
                image.workdir = each.text
                image.path(".").mkdir(parents=True)
            elif each.name == "USER":
                image.user = each.text
            else:
                image.settings[each.name] = each.text
        return image

    def _run_line(self, image: Image, text: str) -> None:
        mounts, command = run_options(text)
        # A cache mount needs nothing: this machine's cache is visible through the overlay.
        binds = {
            mount["target"]: self.build(mount["from"]).path(mount["source"])
            for mount in mounts
            if mount["type"] == "bind"
        }
        self.run(image, ["/bin/sh", "-c", command], binds)
        self.executed.append(text)

    def _copy(self, image: Image, words: list[str]) -> None:
        *sources, target = words
        place = image.path(target)
        if sources[0].startswith("--from="):
            other = self.build(sources[0].removeprefix("--from="))
            (source,) = sources[1:]
            # Moved, as copying gigabytes takes a minute: nothing reads the other image afterwards.
            place.parent.mkdir(parents=True, exist_ok=True)
            other.path(source).rename(place)
            return
        for source in sources:
            if (self._context / source).is_dir():
                shutil.copytree(self._context / source, place, dirs_exist_ok=True)
            else:
                shutil.copy(self._context / source, place)
