#include "coordinator/lease_record.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/string_view.h"

namespace weir {
namespace {

constexpr char kFirstLine[] = "weir leader 1";

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the leader record is damaged: ", what));
}

}  // namespace

std::string EncodeLease(const LeaseRecord& record) {
  return absl::StrCat(kFirstLine, "\nholder ", record.holder, "\naddress ", record.address,
                      "\nplace ", record.place, "\nterm ", record.term, "\nsequence ",
                      record.sequence, "\nnonce ", record.nonce, "\nreleased ",
                      record.released ? 1 : 0, "\n");
}

absl::StatusOr<LeaseRecord> DecodeLease(std::string_view bytes) {
  std::vector<absl::string_view> lines = absl::StrSplit(AbslView(bytes), '\n');
  if (lines.size() < 2 || lines.front() != kFirstLine) return Damaged("no first line");
  if (!lines.back().empty()) return Damaged("it is cut off");
  LeaseRecord record;
  int64_t released = -1;
  for (size_t i = 1; i + 1 < lines.size(); ++i) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(lines[i], absl::MaxSplits(' ', 1));
    const auto& [key, value] = field;
    bool fine = true;
    if (key == "holder") {
      record.holder = std::string(value);
    } else if (key == "address") {
      record.address = std::string(value);
    } else if (key == "place") {
      record.place = std::string(value);
    } else if (key == "term") {
      fine = absl::SimpleAtoi(value, &record.term);
    } else if (key == "sequence") {
      fine = absl::SimpleAtoi(value, &record.sequence);
    } else if (key == "nonce") {
      fine = absl::SimpleAtoi(value, &record.nonce);
    } else if (key == "released") {
      fine = absl::SimpleAtoi(value, &released);
    }
    if (!fine) return Damaged(lines[i]);
  }
  if (record.holder.empty() || record.term < 1 || record.sequence < 1 || released < 0) {
    return Damaged("a field is missing");
  }
  record.released = released != 0;
  return record;
}

}  // namespace weir
