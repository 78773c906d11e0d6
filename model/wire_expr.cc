#include "model/wire_expr.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "model/wire_check.h"
#include "weir/v1/plan.pb.h"

namespace weir {
namespace {

constexpr int kNumericBytes = 16;

std::string NumericBytes(absl::int128 value) {
  auto bits = static_cast<absl::uint128>(value);
  std::string bytes(kNumericBytes, '\0');
  for (int i = kNumericBytes - 1; i >= 0; --i) {
    bytes[i] = static_cast<char>(absl::Uint128Low64(bits) & 0xff);
    bits >>= 8;
  }
  return bytes;
}

absl::int128 NumericFromBytes(const std::string& bytes) {
  absl::uint128 bits = 0;
  for (const char byte : bytes) bits = (bits << 8) | static_cast<unsigned char>(byte);
  return static_cast<absl::int128>(bits);
}

struct ValueWriter {
  v1::Value* out;
  void operator()(std::monostate) const {}
  void operator()(bool value) const { out->set_boolean(value); }
  void operator()(int64_t value) const { out->set_integer(value); }
  void operator()(double value) const { out->set_floating(value); }
  void operator()(absl::int128 value) const { out->set_numeric(NumericBytes(value)); }
  void operator()(const std::string& value) const { out->set_text(value); }
  void operator()(const Interval& value) const {
    out->mutable_interval()->set_months(value.months);
    out->mutable_interval()->set_days(value.days);
    out->mutable_interval()->set_micros(value.micros);
  }
};

void ValueToProto(const Value& value, v1::Value* out) {
  ToProto(value.type, out->mutable_type());
  std::visit(ValueWriter{out}, value.data);
}

// What a non-NULL value of `kind` is written as.
v1::Value::DataCase DataCaseOf(TypeKind kind) {
  switch (kind) {
    case TypeKind::kNull:
      return v1::Value::DATA_NOT_SET;
    case TypeKind::kBoolean:
      return v1::Value::kBoolean;
    case TypeKind::kSmallint:
    case TypeKind::kInteger:
    case TypeKind::kBigint:
    case TypeKind::kDate:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz:
      return v1::Value::kInteger;
    case TypeKind::kReal:
    case TypeKind::kDouble:
      return v1::Value::kFloating;
    case TypeKind::kNumeric:
      return v1::Value::kNumeric;
    case TypeKind::kText:
    case TypeKind::kUuid:
    case TypeKind::kJsonb:
    case TypeKind::kBytea:
      return v1::Value::kText;
    case TypeKind::kInterval:
      return v1::Value::kInterval;
  }
  return v1::Value::DATA_NOT_SET;
}

absl::Status CheckInteger(TypeKind kind, int64_t value) {
  if (kind == TypeKind::kSmallint)
    return CheckRange("integer", value, std::numeric_limits<int16_t>::min(),
                      std::numeric_limits<int16_t>::max());
  if (kind == TypeKind::kInteger || kind == TypeKind::kDate)
    return CheckRange("integer", value, std::numeric_limits<int32_t>::min(),
                      std::numeric_limits<int32_t>::max());
  return absl::OkStatus();
}

absl::StatusOr<Value> ValueFromProto(const v1::Value& in) {
  Value value;
  WEIR_ASSIGN_IN_FIELD(".type", value.type, FromProto(in.type()));
  if (in.data_case() == v1::Value::DATA_NOT_SET) return value;
  if (in.data_case() != DataCaseOf(value.type.kind))
    return WireError(absl::StrCat("the data is not of type ", ToString(value.type)));
  switch (in.data_case()) {
    case v1::Value::kBoolean:
      value.data = in.boolean();
      break;
    case v1::Value::kInteger:
      if (absl::Status status = CheckInteger(value.type.kind, in.integer()); !status.ok())
        return status;
      value.data = static_cast<int64_t>(in.integer());
      break;
    case v1::Value::kFloating:
      value.data = in.floating();
      break;
    case v1::Value::kNumeric:
      if (in.numeric().size() != kNumericBytes)
        return WireError(absl::StrCat("a numeric of ", in.numeric().size(), " bytes, not 16"));
      value.data = NumericFromBytes(in.numeric());
      break;
    case v1::Value::kText:
      value.data = in.text();
      break;
    case v1::Value::kInterval:
      value.data = Interval{in.interval().months(), in.interval().days(), in.interval().micros()};
      break;
    case v1::Value::DATA_NOT_SET:
      break;
  }
  return value;
}

struct ArgumentCount {
  int min = 0;
  int max = 0;
};

ArgumentCount ArgumentsOf(ExprKind kind) {
  constexpr int kMany = std::numeric_limits<int>::max();
  switch (kind) {
    case ExprKind::kColumn:
    case ExprKind::kLiteral:
      return {0, 0};
    case ExprKind::kCall:
      return {0, kMany};
    case ExprKind::kCast:
    case ExprKind::kNot:
    case ExprKind::kIsNull:
      return {1, 1};
    case ExprKind::kAnd:
    case ExprKind::kOr:
    case ExprKind::kCoalesce:
      return {1, kMany};
    case ExprKind::kCase:
      return {3, kMany};
  }
  return {0, 0};
}

// The node alone, without its arguments.
absl::StatusOr<Expr> NodeFromProto(const v1::ExprNode& in, int input_columns) {
  Expr expr;
  WEIR_ASSIGN_IN_FIELD("", expr.kind, EnumFromNumber("kind", in.kind(), ExprKind::kCoalesce));
  WEIR_ASSIGN_IN_FIELD(".type", expr.type, FromProto(in.type()));
  const ArgumentCount count = ArgumentsOf(expr.kind);
  WEIR_RETURN_IN_FIELD("", CheckRange("args", in.args(), count.min, count.max));
  if (expr.kind == ExprKind::kCase && in.args() % 2 == 0)
    return WireError("a CASE without its ELSE");
  if (expr.kind == ExprKind::kColumn) {
    const int last = input_columns < 0 ? std::numeric_limits<int>::max() - 1 : input_columns - 1;
    WEIR_RETURN_IN_FIELD("", CheckRange("column", in.column(), 0, last));
    expr.column = in.column();
  }
  if (expr.kind == ExprKind::kLiteral) {
    WEIR_ASSIGN_IN_FIELD(".literal", expr.literal, ValueFromProto(in.literal()));
    if (expr.literal.type != expr.type)
      return WireError(absl::StrCat("a literal of type ", ToString(expr.literal.type),
                                    " in an expression of type ", ToString(expr.type)));
  }
  if (expr.kind == ExprKind::kCall) {
    if (in.function().empty()) return WireError("a call without function");
    expr.function = in.function();
  }
  expr.explicit_cast = in.explicit_cast();
  return expr;
}

void AppendNodes(const Expr& expr, v1::Expr* out) {
  for (const Expr& arg : expr.args) AppendNodes(arg, out);
  v1::ExprNode* node = out->add_nodes();
  node->set_kind(static_cast<int>(expr.kind));
  ToProto(expr.type, node->mutable_type());
  node->set_column(expr.column);
  if (expr.kind == ExprKind::kLiteral) ValueToProto(expr.literal, node->mutable_literal());
  node->set_function(expr.function);
  node->set_args(static_cast<int>(expr.args.size()));
  node->set_explicit_cast(expr.explicit_cast);
}

}  // namespace

void ToProto(const DataType& type, v1::DataType* out) {
  out->set_kind(static_cast<int>(type.kind));
  out->set_precision(type.precision);
  out->set_scale(type.scale);
}

absl::StatusOr<DataType> FromProto(const v1::DataType& in) {
  DataType type;
  WEIR_ASSIGN_IN_FIELD("", type.kind, EnumFromNumber("kind", in.kind(), TypeKind::kInterval));
  if (type.kind == TypeKind::kNumeric) {
    WEIR_RETURN_IN_FIELD("", CheckRange("precision", in.precision(), 1, 38));
    WEIR_RETURN_IN_FIELD("", CheckRange("scale", in.scale(), 0, in.precision()));
    type.precision = in.precision();
    type.scale = in.scale();
  }
  return type;
}

void ToProto(const Schema& schema, v1::Schema* out) {
  for (const Column& column : schema.columns) {
    v1::Column* field = out->add_columns();
    field->set_name(column.name);
    ToProto(column.type, field->mutable_type());
    field->set_nullable(column.nullable);
  }
}

absl::StatusOr<Schema> FromProto(const v1::Schema& in) {
  Schema schema;
  for (int i = 0; i < in.columns_size(); ++i) {
    const v1::Column& field = in.columns(i);
    Column column{field.name(), {}, field.nullable()};
    WEIR_ASSIGN_IN_FIELD(Indexed("columns", i) + ".type", column.type, FromProto(field.type()));
    if (column.type.kind == TypeKind::kInterval || column.type.kind == TypeKind::kNull)
      return InField(Indexed("columns", i),
                     WireError(absl::StrCat("no column can be of type ", ToString(column.type))));
    schema.columns.push_back(std::move(column));
  }
  return schema;
}

void ToProto(const Expr& expr, v1::Expr* out) { AppendNodes(expr, out); }

absl::StatusOr<Expr> FromProto(const v1::Expr& in, int input_columns) {
  struct Tree {
    Expr expr;
    int depth = 1;
  };
  std::vector<Tree> trees;  // complete ones that no node has taken as argument yet
  for (int i = 0; i < in.nodes_size(); ++i) {
    Tree tree;
    WEIR_ASSIGN_IN_FIELD(Indexed("nodes", i), tree.expr, NodeFromProto(in.nodes(i), input_columns));
    const int args = in.nodes(i).args();
    WEIR_RETURN_IN_FIELD(Indexed("nodes", i),
                         CheckRange("args", args, 0, static_cast<int>(trees.size())));
    for (auto it = trees.end() - args; it != trees.end(); ++it) {
      tree.depth = std::max(tree.depth, it->depth + 1);
      tree.expr.args.push_back(std::move(it->expr));
    }
    if (tree.depth > kExprDepthMax)
      return WireError(absl::StrCat("an expression nested more than ", kExprDepthMax, " deep"));
    trees.resize(trees.size() - args);
    trees.push_back(std::move(tree));
  }
  if (trees.size() != 1)
    return WireError(absl::StrCat(trees.size(), " trees where one expression is expected"));
  return std::move(trees.front().expr);
}

}  // namespace weir
