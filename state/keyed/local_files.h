// State files on the local disk: fetched, checked, or found there from before. Private to
// state/keyed.
#ifndef WEIR_STATE_KEYED_LOCAL_FILES_H_
#define WEIR_STATE_KEYED_LOCAL_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "model/snapshot.h"

namespace weir {

class BlobStore;
class Random;

// Makes `path` hold `file`: what is there is taken when its size and checksum are right, else
// removed and fetched. Several callers may want the same file at once. Reads the whole file once.
// DATA_LOSS naming `blob` when the blob is missing, short or altered.
absl::Status MakeLocal(const StateFile& file, const std::string& blob, const std::string& path,
                       BlobStore& blobs, Random& random);

}  // namespace weir

#endif  // WEIR_STATE_KEYED_LOCAL_FILES_H_
