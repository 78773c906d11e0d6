// One SST file of a state on the local disk: writing it, and checking that it is what was written.
#ifndef WEIR_STATE_KEYED_STATE_FILE_H_
#define WEIR_STATE_KEYED_STATE_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

struct FileDigest {
  int64_t size = 0;
  std::string checksum;  // XXH3-128, 32 hex digits
};

// Reads the whole file. NOT_FOUND or UNAVAILABLE naming it.
absl::StatusOr<FileDigest> DigestFile(const std::string& path);

}  // namespace weir

#endif  // WEIR_STATE_KEYED_STATE_FILE_H_
