#include "model/plan.h"

#include <numeric>

namespace weir {

int64_t WindowSpec::pane_us() const { return std::gcd(size_us, slide_us); }

bool VertexSpec::has_source() const {
  for (const OperatorSpec& op : operators)
    if (std::holds_alternative<SourceOp>(op.op)) return true;
  return false;
}

Schema DeadLetterSchema() {
  const auto column = [](const char* name, TypeKind kind, bool nullable) {
    return Column{name, DataType::Of(kind), nullable};
  };
  return Schema{{
      column("topic", TypeKind::kText, false),
      column("partition", TypeKind::kInteger, false),
      column("offset", TypeKind::kBigint, false),
      column("key", TypeKind::kBytea, true),
      column("payload", TypeKind::kBytea, true),
      column("error", TypeKind::kText, false),
      column("received_at", TypeKind::kTimestamptz, true),
  }};
}

}  // namespace weir
