"""The npm packages with the pictures and their words: pinned and checked, with their licences."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noisewalk.errors import UserError


@dataclass(frozen=True)
class Package:
    """An npm package.

    Args:
        name: its name for `npm pack`.
        version: its version.
        sha512: the SHA-512 of its tarball, in hexadecimal.
        licence: the SPDX identifier of its licence; share-alike licences are not used.
        credit: its authors and its origin.
    """

    name: str
    version: str
    sha512: str
    licence: str
    credit: str

    @property
    def short(self) -> str:
        """The name without its scope, such as "noto" or "emojilib"."""
        return self.name.rpartition("/")[2]

    @property
    def tarball(self) -> str:
        """The name of the file that `npm pack` writes."""
        return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}.tgz"


PACKAGES: tuple[Package, ...] = (
    Package(
        "@iconify-json/noto",
        "1.2.9",
        "0d08ae5c435bba7e35721f973d2579e47f456962a91d3cb3e3a6082ad49a2980"
        "f87c80c3ccbd6d47a1f89e9fd3dfc8dfad301e237adc285d26a8761e65502e6b",
        "Apache-2.0",
        "Noto Emoji, Google, github.com/googlefonts/noto-emoji",
    ),
    Package(
        "@iconify-json/noto-v1",
        "1.2.5",
        "fc3b15322bacebd4347d14b9df3ed02b54d1392b9aafad3a8e2231fa5697b5db"
        "1818c5e97fa2ed1c1c7a0867e8a375071dbfd7a41b30fb52f5c777b23ea32e54",
        "Apache-2.0",
        "Noto Emoji 1 (blobs), Google, github.com/googlefonts/noto-emoji",
    ),
    Package(
        "@iconify-json/twemoji",
        "1.2.5",
        "b8aa6e204574bfa2b9056dcc8ddca5f972855406db70fc408227cabc432d6685"
        "19079f98898e7368c9b6b8d342c725f301653dc8d2e58f8d5653afe6be000bb3",
        "CC-BY-4.0",
        "Twemoji, Twitter and contributors, github.com/jdecked/twemoji",
    ),
    Package(
        "@iconify-json/fluent-emoji",
        "1.2.7",
        "0fc1ba6ca03222ccb13f5af366d216aff820fdf3b8460d7e0f209695fa8a2b88"
        "7c5bee049bf6343fa4188095104e551c6a0cc9bd2ca0fbd381bf8873e0773f40",
        "MIT",
        "Fluent Emoji, Microsoft, github.com/microsoft/fluentui-emoji",
    ),
    Package(
        "@iconify-json/fluent-emoji-flat",
        "1.2.6",
        "458e3b4603dbe3b7d8522cab03ae2c20e2f4f94534dacdbdb17a4d05b2104415"
        "253e57cd1532949990c4446bb10ecffbc8d196a9062fb9a4983353387d15e553",
        "MIT",
        "Fluent Emoji, flat, Microsoft, github.com/microsoft/fluentui-emoji",
    ),
    Package(
        "@iconify-json/emojione",
        "1.2.3",
        "4fdf93dc721b24d2ca2ac9b160a95a621be71d8933fc73584d5ed21c25d564f7"
        "de522e05aac918ef461e37cc980194fc702bfbc39bc9c52e10d66f336fd08c32",
        "CC-BY-4.0",
        "Emoji One 2 / EmojiTwo, github.com/EmojiTwo/emojitwo",
    ),
    Package(
        "@iconify-json/fxemoji",
        "1.2.2",
        "5006ac45ac7315429f2064a62f09e86abb2cb00e0b5f454b2ee126a6522a33a6"
        "4d42a21046d6aff2d6781f59de4e506b797b8c4320227ebe633f8927efc0e989",
        "Apache-2.0",
        "FxEmojis, Mozilla, github.com/mozilla/fxemoji",
    ),
    Package(
        "@iconify-json/game-icons",
        "1.2.4",
        "fc70c3671a305e00c970e1303eca540aae51b83765db93b264a76dc6aaa23c94"
        "0d4eb588ca6eebe12b4bcc856cefb0f23733965a11f9c03ab0611dd61de0df92",
        "CC-BY-3.0",
        "Lorc, Delapouite and others, game-icons.net",
    ),
    Package(
        "emojibase-data",
        "17.0.0",
        "62f81be405a81d588757f82ad6aaf96406ab7018a9f81dbbfd92d1b142646e00"
        "0468b959fdfa1ff60f3cd8b4e9984a728413440b49b6484988b658c7b13ca08c",
        "MIT",
        "Names and tags, Miles Johnson, emojibase.dev",
    ),
    Package(
        "emojilib",
        "4.0.3",
        "29b5a262b7bd69149a3db1eb1d9233f739a833edb52c0b0ad55149b674e1d550"
        "ad584feb34c0ef8868504e6b1e94597de5d86ab46958db6887d25786e41b96d2",
        "MIT",
        "Keywords, Mu-An Chiang, github.com/muan/emojilib",
    ),
)


def package(short: str) -> Package:
    """Return a package by its short name, such as "noto"."""
    return next(p for p in PACKAGES if p.short == short)


def fetch(folder: Path, packages: tuple[Package, ...] = PACKAGES) -> Iterator[tuple[Package, bool]]:
    """Fetch missing packages into `folder` with `npm pack`, check all, and yield (package, whether it is new).

    Raises:
        UserError: npm is missing or fails, or a file is not the pinned one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for pack in packages:
        missing = not (folder / pack.tarball).exists()
        if missing:
            _npm_pack(pack, folder)
        verified(pack, folder)
        yield pack, missing


def verified(pack: Package, folder: Path) -> bytes:
    """Return the bytes of a package's tarball, after a check of their SHA-512.

    Raises:
        UserError: it is missing, or is not the pinned file.
    """
    path = folder / pack.tarball
    if not path.is_file():
        raise UserError(f"{path} is missing; fetch it with training/recipes/emoji/fetch.py")
    data = path.read_bytes()
    if (found := hashlib.sha512(data).hexdigest()) != pack.sha512:
        raise UserError(
            f"{path} is not {pack.name} {pack.version} as pinned (SHA-512 {found[:16]}…, not {pack.sha512[:16]}…); "
            "delete it and fetch again"
        )
    return data


def members(pack: Package, folder: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """Return JSON files of a package by their names in it; names that it does not have are left out.

    Raises:
        UserError: the package is missing, changed, or not readable.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(verified(pack, folder))) as tar:
            present = {n for n in names if f"package/{n}" in tar.getnames()}
            return {n: json.load(file) for n in present if (file := tar.extractfile(f"package/{n}"))}
    except (tarfile.TarError, json.JSONDecodeError) as error:
        raise UserError(f"{folder / pack.tarball} cannot be read ({error}); delete it and fetch again") from error


def _npm_pack(pack: Package, folder: Path) -> None:
    npm = shutil.which("npm")
    ask = f"npm pack {pack.name}@{pack.version}"
    if npm is None:
        raise UserError(
            f"{pack.tarball} is missing and npm was not found; run '{ask}' elsewhere and put the file into {folder}"
        )
    command = [npm, "pack", f"{pack.name}@{pack.version}", "--pack-destination", str(folder), "--silent"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"'{ask}' failed: {last}; try again, or put {pack.tarball} into {folder}")
