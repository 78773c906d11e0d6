"""Writes a C++ source that holds files: embed.py OUT URL=FILE...; see cli/embedded_files.h."""

import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8"}

HEAD = """\
// Made by cmake/embed.py.
#include "cli/embedded_files.h"

#include <array>

namespace weir {
namespace {

"""


def main(out, pairs):
    text, entries = HEAD, []
    for number, pair in enumerate(pairs):
        url, _, path = pair.partition("=")
        body = pathlib.Path(path).read_bytes()
        text += f"constexpr unsigned char kFile{number}[] = {{{','.join(map(str, body))}}};\n"
        kind = TYPES[pathlib.PurePath(path).suffix]
        entries.append(f'    {{"{url}", "{kind}", {{reinterpret_cast<const char*>(kFile{number}), {len(body)}}}}},\n')
    text += "\n}  // namespace\n\nconst EmbeddedFile* FindEmbeddedFile(std::string_view path) {\n"
    text += f"  static const std::array<EmbeddedFile, {len(entries)}> files = {{{{\n{''.join(entries)}  }}}};\n"
    text += "  for (const EmbeddedFile& file : files) {\n    if (file.path == path) return &file;\n  }\n"
    text += "  return nullptr;\n}\n\n}  // namespace weir\n"
    pathlib.Path(out).write_text(text)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
