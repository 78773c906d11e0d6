// The files of a Delta log, separated by a line "#": the hint to the last checkpoint, then commits
// 0, 1, 2, ... A log that loads has a schema that is understood or refused, and a protocol
// likewise.
#include "lake/delta_log.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/string_view.h"
#include "lake/delta_protocol.h"
#include "lake/delta_schema.h"
#include "tests/fakes/fake_log_store.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  FakeLog log;
  int64_t version = -1;
  for (const std::string& part :
       std::vector<std::string>(absl::StrSplit(AbslView(input), "\n#\n"))) {
    const std::string name = version < 0 ? kLastCheckpointName : CommitFileName(version);
    log.files[name] = part;
    ++version;
  }
  FakeLogStore store(&log);
  int64_t checkpoint = -1;
  const absl::StatusOr<DeltaState> state = LoadDeltaState(&store, &checkpoint);
  if (state.ok()) {
    (void)ParseDeltaSchema(state->metadata.schema);
    (void)CheckAppendAllowed(state->protocol, state->metadata);
  }
  return 0;
}
