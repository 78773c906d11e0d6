#include "model/data_file_name.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/digest.h"

namespace weir {
namespace {

constexpr size_t kHashDigits = 16;

std::string Rest(const PlannedDataFile& file) {
  const DataFileWriterId& writer = file.writer;
  return absl::StrCat(writer.generation.value, "-", writer.task.vertex, "-", writer.op, "-",
                      writer.task.index, "-", file.number, ".parquet");
}

}  // namespace

std::string DataFileName(const JobId& job, const PlannedDataFile& file) {
  const std::string rest = Rest(file);
  return absl::StrCat(Sha256Hex(absl::StrCat(job, "/", rest)).substr(0, kHashDigits), "-", rest);
}

std::optional<PlannedDataFile> ParseDataFileName(const std::string& name) {
  absl::string_view stem = name;
  if (!absl::ConsumeSuffix(&stem, ".parquet")) return std::nullopt;
  const std::vector<absl::string_view> parts = absl::StrSplit(stem, '-');
  PlannedDataFile file;
  DataFileWriterId& writer = file.writer;
  if (parts.size() != 6 || parts[0].size() != kHashDigits ||
      !absl::SimpleAtoi(parts[1], &writer.generation.value) ||
      !absl::SimpleAtoi(parts[2], &writer.task.vertex) || !absl::SimpleAtoi(parts[3], &writer.op) ||
      !absl::SimpleAtoi(parts[4], &writer.task.index) ||
      !absl::SimpleAtoi(parts[5], &file.number)) {
    return std::nullopt;
  }
  if (Rest(file) != name.substr(kHashDigits + 1)) return std::nullopt;  // "07", "+7"
  return file;
}

}  // namespace weir
