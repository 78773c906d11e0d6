// What the status page is made of, built into the binary: cli/page/, and the libraries that
// scripts/bootstrap fetches.
#ifndef WEIR_CLI_EMBEDDED_FILES_H_
#define WEIR_CLI_EMBEDDED_FILES_H_

#include <string_view>

namespace weir {

struct EmbeddedFile {
  std::string_view path;  // "/", "/assets/app.js"
  std::string_view content_type;
  std::string_view body;
};

// nullptr when there is none. What it points to lives as long as the process.
const EmbeddedFile* FindEmbeddedFile(std::string_view path);

}  // namespace weir

#endif  // WEIR_CLI_EMBEDDED_FILES_H_
