// Statistics of a data file, as Delta's log carries them (PROTOCOL.md, "Per-file Statistics").
// Readers skip files by them, so a wrong bound silently loses rows; no bound is always right.
#ifndef WEIR_LAKE_FILE_STATS_H_
#define WEIR_LAKE_FILE_STATS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/type_fwd.h"
#include "model/types.h"

namespace weir {

// Bounds and null counts are kept for this many columns, the table's first ones.
inline constexpr int kStatsColumns = 32;

// Bounds of one column. Not thread-safe.
class ColumnBounds {
 public:
  virtual ~ColumnBounds() = default;
  // `array` has the column's Arrow type.
  virtual void Add(const arrow::Array& array) = 0;
  // A JSON value that no value of the column is below (above); empty when there is none to give.
  virtual std::string Min() const = 0;
  virtual std::string Max() const = 0;
};

// One file's. Not thread-safe.
class FileStats {
 public:
  explicit FileStats(const Schema& schema);
  ~FileStats();

  // Columns by position.
  void Add(const arrow::RecordBatch& batch);
  int64_t rows() const { return rows_; }
  // {"numRecords":..,"minValues":{..},"maxValues":{..},"nullCount":{..}}
  std::string ToJson() const;

 private:
  struct Tracked {
    std::string name;
    int64_t nulls = 0;
    std::unique_ptr<ColumnBounds> bounds;  // null for a type without bounds
  };
  std::vector<Tracked> columns_;
  int64_t rows_ = 0;
};

// Bounds of text in few characters: the first 32, and for the upper bound one more that sorts above
// what was cut off, if need be behind up to 64. Empty when there is none, or on text that isn't
// UTF-8.
std::optional<std::string> TextLowerBound(std::string_view text);
std::optional<std::string> TextUpperBound(std::string_view text);

}  // namespace weir

#endif  // WEIR_LAKE_FILE_STATS_H_
