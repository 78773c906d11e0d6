#include "model/snapshot.h"

namespace weir {

int64_t InsertCounters::bad_total() const {
  int64_t total = 0;
  for (const auto& [reason, rows] : bad) total += rows;
  return total;
}

void InsertCounters::Add(const InsertCounters& other) {
  read += other.read;
  used += other.used;
  late += other.late;
  filtered += other.filtered;
  for (const auto& [reason, rows] : other.bad) bad[reason] += rows;
}

}  // namespace weir
