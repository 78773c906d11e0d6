// Lines are records. Good and bad ones, and the values of good ones, are those of simdjson's
// document parser, in both layouts of records.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/log.h"
#include "base/string_view.h"
#include "tests/unit/operators/decode/document_parser.h"
#include "tests/unit/operators/decode/json_records.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::vector<std::optional<std::string>> payloads;
  for (absl::string_view line : absl::StrSplit(AbslView(input), '\n')) {
    payloads.emplace_back(std::string(line));
  }
  static const SourceOp source = DocumentSource();
  static simdjson::dom::parser parser;
  for (const Layout layout : {Layout::kOnePass, Layout::kScattered}) {
    JsonDecoder decoder(source);
    const DecodedRecords decoded = decoder.Decode(MakeRecords(payloads, layout));
    const std::string disagreement = Disagreement(parser, payloads, decoded);
    WEIR_CHECK(disagreement.empty(), disagreement);
  }
  return 0;
}
