#include "operators/window/accumulators.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "absl/strings/str_cat.h"
#include "arrow/api.h"
#include "arrow/util/decimal.h"

namespace weir {
namespace {

using Kind = AggregateKind;

DataType Type(TypeKind kind) { return DataType::Of(kind); }
const DataType kBigint = Type(TypeKind::kBigint), kDouble = Type(TypeKind::kDouble),
               kText = Type(TypeKind::kText), kBoolean = Type(TypeKind::kBoolean);

template <class Builder, class T>
std::shared_ptr<arrow::Array> Column(const DataType& type,
                                     const std::vector<std::optional<T>>& values) {
  auto builder = arrow::MakeBuilder(ArrowType(type)).ValueOrDie();
  for (const auto& v : values) {
    EXPECT_TRUE(
        (v ? static_cast<Builder*>(builder.get())->Append(*v) : builder->AppendNull()).ok());
  }
  return builder->Finish().ValueOrDie();
}

std::shared_ptr<arrow::Array> Bigints(const std::vector<std::optional<int64_t>>& v) {
  return Column<arrow::Int64Builder, int64_t>(kBigint, v);
}
std::shared_ptr<arrow::Array> Doubles(const std::vector<std::optional<double>>& v) {
  return Column<arrow::DoubleBuilder, double>(kDouble, v);
}
std::shared_ptr<arrow::Array> Texts(const std::vector<std::optional<std::string>>& v) {
  return Column<arrow::StringBuilder, std::string>(kText, v);
}
std::shared_ptr<arrow::Array> Numerics(const DataType& type,
                                       const std::vector<std::optional<std::string>>& v) {
  auto builder = arrow::MakeBuilder(ArrowType(type)).ValueOrDie();
  for (const auto& s : v) {
    arrow::Decimal128 d;
    int32_t precision = 0, scale = 0;
    if (s) {
      EXPECT_TRUE(arrow::Decimal128::FromString(*s, &d, &precision, &scale).ok());
      d = d.Rescale(scale, type.scale).ValueOrDie();
    }
    auto* out = static_cast<arrow::Decimal128Builder*>(builder.get());
    EXPECT_TRUE((s ? out->Append(d) : out->AppendNull()).ok());
  }
  return builder->Finish().ValueOrDie();
}

// The states of one group.
struct Group {
  explicit Group(const AggregateStates& states) : words(states.width() / 8 + 1, 0) {}
  uint8_t* states() { return reinterpret_cast<uint8_t*>(words.data()); }
  std::vector<uint64_t> words;
  StateArena arena;
};

absl::Status Update(const AggregateStates& states, const arrow::RecordBatch& batch,
                    const std::vector<uint32_t>& rows, Group& group) {
  std::vector<uint8_t*> groups(rows.size(), group.states());
  uint8_t* failed = nullptr;
  absl::Status status = states.Update(
      batch, {rows.data(), groups.data(), static_cast<int64_t>(rows.size())}, group.arena, &failed);
  EXPECT_EQ(failed != nullptr, !status.ok());
  return status;
}

// The result of `call` over `column`, aggregated in `parts` parts whose encodings are merged.
absl::StatusOr<std::string> Result(AggregateCall call, std::shared_ptr<arrow::Array> column,
                                   int parts = 1, std::shared_ptr<arrow::Array> filter = nullptr) {
  auto states = AggregateStates::Make({call});
  if (!states.ok()) return states.status();
  arrow::FieldVector fields = {arrow::field("x", column->type())};
  std::vector<std::shared_ptr<arrow::Array>> columns = {column};
  if (filter != nullptr) {
    fields.push_back(arrow::field("f", filter->type()));
    columns.push_back(filter);
  }
  auto batch = arrow::RecordBatch::Make(arrow::schema(fields), column->length(), columns);
  Group merged(*states);
  for (int p = 0; p < parts; ++p) {
    std::vector<uint32_t> rows;
    for (int64_t i = p; i < column->length(); i += parts) rows.push_back(static_cast<uint32_t>(i));
    Group part(*states);
    if (absl::Status s = Update(*states, *batch, rows, part); !s.ok()) return s;
    std::string encoded;
    states->Encode(part.states(), DistinctIn::kState, &encoded);
    if (absl::Status s = states->Merge(merged.states(), encoded, merged.arena); !s.ok()) return s;
  }
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders;
  builders.push_back(arrow::MakeBuilder(ArrowType(call.result_type)).ValueOrDie());
  if (absl::Status s = states->Append(merged.states(), builders); !s.ok()) return s;
  auto array = builders[0]->Finish().ValueOrDie();
  EXPECT_TRUE(array->type()->Equals(ArrowType(call.result_type)));
  return array->IsNull(0) ? "NULL" : array->GetScalar(0).ValueOrDie()->ToString();
}

AggregateCall Call(Kind kind, DataType argument, DataType result) {
  return {kind, 0, argument, -1, result};
}

// The same in one part, in three, and in more parts than values.
#define EXPECT_RESULT(expected, call, column)          \
  for (int parts : {1, 3, 50}) {                       \
    auto result = Result(call, column, parts);         \
    ASSERT_TRUE(result.ok()) << result.status();       \
    EXPECT_EQ(*result, expected) << parts << " parts"; \
  }

TEST(Accumulators, Counts) {
  AggregateCall star{Kind::kCountStar, -1, {}, -1, kBigint};
  EXPECT_RESULT("3", star, Bigints({1, std::nullopt, 2}));
  EXPECT_RESULT("2", Call(Kind::kCount, kBigint, kBigint), Bigints({1, std::nullopt, 2}));
  EXPECT_RESULT("0", Call(Kind::kCount, kBigint, kBigint), Bigints({std::nullopt}));
  EXPECT_RESULT("0", star, Bigints({}));
}

TEST(Accumulators, SumsOfIntegersAreExact) {
  const DataType wide = DataType::Numeric(38, 0);
  const int64_t max = std::numeric_limits<int64_t>::max();
  EXPECT_RESULT("27670116110564327421", Call(Kind::kSum, kBigint, wide), Bigints({max, max, max}));
  EXPECT_RESULT("NULL", Call(Kind::kSum, kBigint, wide), Bigints({std::nullopt}));
  EXPECT_RESULT("NULL", Call(Kind::kSum, kBigint, wide), Bigints({}));
  EXPECT_RESULT("-1", Call(Kind::kSum, kBigint, wide), Bigints({2, std::nullopt, -3}));
  const DataType small = Type(TypeKind::kSmallint), integer = Type(TypeKind::kInteger);
  EXPECT_RESULT("98301", Call(Kind::kSum, small, kBigint),
                (Column<arrow::Int16Builder, int16_t>(small, {32767, 32767, 32767})));
  EXPECT_RESULT("-4294967296", Call(Kind::kSum, integer, kBigint),
                (Column<arrow::Int32Builder, int32_t>(integer, {INT32_MIN, INT32_MIN})));
}

TEST(Accumulators, AnOverflowOfBigintIsAnError) {
  // Two states near the limit, as years of rows would make them.
  auto states = *AggregateStates::Make({Call(Kind::kSum, Type(TypeKind::kInteger), kBigint)});
  const int64_t near[2] = {std::numeric_limits<int64_t>::max() - 5, 1};
  const std::string encoded(reinterpret_cast<const char*>(near), sizeof(near));
  Group group(states);
  ASSERT_TRUE(states.Merge(group.states(), encoded, group.arena).ok());
  auto column = Column<arrow::Int32Builder, int32_t>(Type(TypeKind::kInteger), {5, 1});
  auto batch =
      arrow::RecordBatch::Make(arrow::schema({arrow::field("x", arrow::int32())}), 2, {column});
  EXPECT_TRUE(Update(states, *batch, {0}, group).ok());
  absl::Status status = Update(states, *batch, {1}, group);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(status.message(), "sum(integer) is out of range of bigint");
  Group other(states);
  ASSERT_TRUE(states.Merge(other.states(), encoded, other.arena).ok());
  EXPECT_EQ(states.Merge(other.states(), encoded, other.arena).code(),
            absl::StatusCode::kOutOfRange);
}

TEST(Accumulators, SumsOfNumericsAreExactOrAnError) {
  const DataType money = DataType::Numeric(10, 2), total = DataType::Numeric(38, 2);
  EXPECT_RESULT("0.30", Call(Kind::kSum, money, total), Numerics(money, {"0.1", "0.2"}));
  EXPECT_RESULT("NULL", Call(Kind::kSum, money, total), Numerics(money, {std::nullopt}));
  const DataType widest = DataType::Numeric(38, 0);
  const std::string nines(38, '9');
  EXPECT_RESULT(nines, Call(Kind::kSum, widest, widest), Numerics(widest, {nines}));
  // Past 38 digits at the end; past 128 bits on the way.
  EXPECT_EQ(
      Result(Call(Kind::kSum, widest, widest), Numerics(widest, {nines, "1"})).status().code(),
      absl::StatusCode::kOutOfRange);
  for (int parts : {1, 2}) {
    EXPECT_EQ(Result(Call(Kind::kSum, widest, widest), Numerics(widest, {nines, nines}), parts)
                  .status()
                  .code(),
              absl::StatusCode::kOutOfRange);
  }
  // A sum that comes back into range is fine, as in PostgreSQL.
  EXPECT_RESULT("0", Call(Kind::kSum, widest, widest), Numerics(widest, {nines, "-" + nines}));
}

TEST(Accumulators, SumsOfDoublesAreCompensated) {
  EXPECT_RESULT("2", Call(Kind::kSum, kDouble, kDouble), Doubles({1.0, 1e100, 1.0, -1e100}));
  EXPECT_RESULT("NULL", Call(Kind::kSum, kDouble, kDouble), Doubles({std::nullopt}));
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_RESULT("inf", Call(Kind::kSum, kDouble, kDouble), Doubles({1.0, inf}));
  EXPECT_RESULT("-inf", Call(Kind::kSum, kDouble, kDouble), Doubles({-inf, 2.0, -inf}));
  for (auto column : {Doubles({inf, -inf}), Doubles({1.0, std::nan("")})}) {
    EXPECT_NE((*Result(Call(Kind::kSum, kDouble, kDouble), column)).find("nan"), std::string::npos);
  }
  const double max = std::numeric_limits<double>::max();
  for (int parts : {1, 2}) {
    EXPECT_EQ(
        Result(Call(Kind::kSum, kDouble, kDouble), Doubles({max, max}), parts).status().code(),
        absl::StatusCode::kOutOfRange);
  }
  // A million tenths: naive addition is off by 1e-6.
  std::vector<std::optional<double>> tenths(1'000'000, 0.1);
  EXPECT_RESULT("100000", Call(Kind::kSum, kDouble, kDouble), Doubles(tenths));
  const DataType real = Type(TypeKind::kReal);
  EXPECT_RESULT("1.5", Call(Kind::kSum, real, real),
                (Column<arrow::FloatBuilder, float>(real, {0.5f, 1.0f})));
  EXPECT_EQ(
      Result(Call(Kind::kSum, real, real), Column<arrow::FloatBuilder, float>(real, {3e38f, 3e38f}))
          .status()
          .code(),
      absl::StatusCode::kOutOfRange);
}

TEST(Accumulators, AveragesRoundHalfAwayFromZero) {
  const DataType avg = DataType::Numeric(38, 16);
  EXPECT_RESULT("1.5000000000000000", Call(Kind::kAvg, kBigint, avg), Bigints({1, 2}));
  EXPECT_RESULT("0.3333333333333333", Call(Kind::kAvg, kBigint, avg), Bigints({0, 0, 1}));
  EXPECT_RESULT("0.6666666666666667", Call(Kind::kAvg, kBigint, avg), Bigints({0, 1, 1}));
  EXPECT_RESULT("-0.6666666666666667", Call(Kind::kAvg, kBigint, avg), Bigints({0, -1, -1}));
  EXPECT_RESULT("NULL", Call(Kind::kAvg, kBigint, avg), Bigints({std::nullopt}));
  const int64_t max = std::numeric_limits<int64_t>::max();
  EXPECT_RESULT("9223372036854775807.0000000000000000", Call(Kind::kAvg, kBigint, avg),
                Bigints({max, max, max}));
  const DataType money = DataType::Numeric(10, 2);
  EXPECT_RESULT("0.1250000000000000", Call(Kind::kAvg, money, avg),
                Numerics(money, {"0.12", "0.13"}));
  // Half of the last digit, from a scale above and below the result's.
  EXPECT_RESULT("0.13", Call(Kind::kAvg, money, DataType::Numeric(38, 2)),
                Numerics(money, {"0.12", "0.13"}));
  EXPECT_RESULT("-0.13", Call(Kind::kAvg, money, DataType::Numeric(38, 2)),
                Numerics(money, {"-0.12", "-0.13"}));
  const DataType fine = DataType::Numeric(38, 20);
  EXPECT_RESULT("1E-16", Call(Kind::kAvg, fine, avg), Numerics(fine, {"0.00000000000000005000"}));
  EXPECT_RESULT("0E-16", Call(Kind::kAvg, fine, avg), Numerics(fine, {"0.00000000000000004999"}));
  // 38 digits have no room for 16 more.
  const DataType widest = DataType::Numeric(38, 0);
  EXPECT_EQ(Result(Call(Kind::kAvg, widest, avg), Numerics(widest, {std::string(30, '9')}))
                .status()
                .code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_RESULT("0.75", Call(Kind::kAvg, kDouble, kDouble), Doubles({0.5, std::nullopt, 1.0}));
  const DataType integer = Type(TypeKind::kInteger);
  EXPECT_RESULT("2147483647.0000000000000000", Call(Kind::kAvg, integer, avg),
                (Column<arrow::Int32Builder, int32_t>(integer, {INT32_MAX, INT32_MAX})));
}

TEST(Accumulators, ExtremesOfEveryType) {
  auto min = [](DataType t) { return Call(Kind::kMin, t, t); };
  auto max = [](DataType t) { return Call(Kind::kMax, t, t); };
  auto bigints = Bigints({3, std::nullopt, -7, 5});
  EXPECT_RESULT("-7", min(kBigint), bigints);
  EXPECT_RESULT("5", max(kBigint), bigints);
  EXPECT_RESULT("NULL", max(kBigint), Bigints({std::nullopt}));
  auto texts = Texts({"b", std::nullopt, "", "ba", "\xc3\xa9"});
  EXPECT_RESULT("", min(kText), texts);
  EXPECT_RESULT("\xc3\xa9", max(kText), texts);
  EXPECT_RESULT("NULL", min(kText), Texts({std::nullopt}));
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  auto doubles = Doubles({nan, 2.5, inf, std::nullopt, -1.0});
  EXPECT_RESULT("-1", min(kDouble), doubles);
  EXPECT_RESULT("nan", max(kDouble), doubles);
  EXPECT_RESULT("nan", min(kDouble), Doubles({nan, nan}));
  const DataType real = Type(TypeKind::kReal);
  EXPECT_RESULT("2", max(real), (Column<arrow::FloatBuilder, float>(real, {1.0f, 2.0f})));
  const DataType money = DataType::Numeric(10, 2);
  auto numerics = Numerics(money, {"-1.50", "10.00", "9.99"});
  EXPECT_RESULT("-1.50", min(money), numerics);
  EXPECT_RESULT("10.00", max(money), numerics);
  const DataType date = Type(TypeKind::kDate), small = Type(TypeKind::kSmallint);
  EXPECT_RESULT("1970-01-02", max(date), (Column<arrow::Date32Builder, int32_t>(date, {-5, 1, 0})));
  EXPECT_RESULT("-300", min(small), (Column<arrow::Int16Builder, int16_t>(small, {5, -300})));
  const DataType time = Type(TypeKind::kTimestamptz);
  EXPECT_RESULT("1970-01-01 00:00:00.000007Z", max(time),
                (Column<arrow::TimestampBuilder, int64_t>(time, {7, -9})));
  const DataType uuid = Type(TypeKind::kUuid);
  EXPECT_RESULT("b0", max(uuid), (Column<arrow::StringBuilder, std::string>(uuid, {"a1", "b0"})));
}

TEST(Accumulators, DistinctValuesAreCountedOnce) {
  AggregateCall call = Call(Kind::kCountDistinct, kBigint, kBigint);
  EXPECT_RESULT("3", call, Bigints({1, 2, std::nullopt, 1, 3, 2}));
  EXPECT_RESULT("0", call, Bigints({std::nullopt}));
  EXPECT_RESULT("2", Call(Kind::kCountDistinct, kDouble, kBigint),
                Doubles({0.0, -0.0, std::nan("1"), -std::nan("2")}));
  EXPECT_RESULT("2", Call(Kind::kCountDistinct, kText, kBigint), Texts({"", "x", "x"}));
  EXPECT_RESULT("2", Call(Kind::kCountDistinct, kBoolean, kBigint),
                (Column<arrow::BooleanBuilder, bool>(kBoolean, {true, false, true})));
}

TEST(Accumulators, VariancesMergeWithoutLosingDigits) {
  AggregateCall var = Call(Kind::kVarSamp, kDouble, kDouble);
  EXPECT_RESULT("NULL", var, Doubles({5.0}));
  EXPECT_RESULT("NULL", var, Doubles({}));
  EXPECT_RESULT("2.5", var, Doubles({1.0, 2.0, 3.0, 4.0, 5.0, std::nullopt}));
  EXPECT_RESULT("2", Call(Kind::kStddevSamp, kBigint, kDouble), Bigints({1, 3, 5}));
  // Far from zero, where the sum of squares has no digits left.
  EXPECT_RESULT("1", var, Doubles({1e9 + 1, 1e9 + 2, 1e9 + 3}));
  const DataType money = DataType::Numeric(10, 2);
  EXPECT_RESULT("0.5", Call(Kind::kVarSamp, money, kDouble), Numerics(money, {"1.00", "2.00"}));
  std::mt19937_64 random(5);
  std::vector<std::optional<double>> values;
  long double mean = 0, squares = 0;
  for (int i = 0; i < 10000; ++i) values.push_back(static_cast<double>(random() % 1000) / 7);
  for (auto v : values) mean += *v / 10000.0L;
  for (auto v : values) squares += (*v - mean) * (*v - mean);
  for (int parts : {1, 7, 5000}) {
    const double got = std::stod(*Result(var, Doubles(values), parts));
    EXPECT_NEAR(got, static_cast<double>(squares / 9999), 1e-3) << "as printed";
  }
}

TEST(Accumulators, BoolAndOr) {
  AggregateCall all = Call(Kind::kBoolAnd, kBoolean, kBoolean);
  AggregateCall any = Call(Kind::kBoolOr, kBoolean, kBoolean);
  auto column = [](std::vector<std::optional<bool>> v) {
    return Column<arrow::BooleanBuilder, bool>(kBoolean, v);
  };
  EXPECT_RESULT("true", all, column({true, std::nullopt, true}));
  EXPECT_RESULT("false", all, column({true, false}));
  EXPECT_RESULT("true", any, column({false, true}));
  EXPECT_RESULT("false", any, column({false, false}));
  EXPECT_RESULT("NULL", all, column({std::nullopt}));
  EXPECT_RESULT("NULL", any, column({}));
}

TEST(Accumulators, FilterKeepsWhatIsTrue) {
  AggregateCall sum = Call(Kind::kSum, kBigint, DataType::Numeric(38, 0));
  sum.filter = 1;
  auto filter = Column<arrow::BooleanBuilder, bool>(kBoolean, {true, false, std::nullopt, true});
  EXPECT_EQ(*Result(sum, Bigints({1, 10, 100, 1000}), 2, filter), "1001");
  AggregateCall star{Kind::kCountStar, -1, {}, 1, kBigint};
  EXPECT_EQ(*Result(star, Bigints({1, 10, 100, std::nullopt}), 1, filter), "2");
}

TEST(Accumulators, RefusesWhatPostgresqlHasNot) {
  const DataType jsonb = Type(TypeKind::kJsonb), wide = DataType::Numeric(38, 0);
  for (const AggregateCall& call :
       {Call(Kind::kSum, kText, kBigint), Call(Kind::kSum, kBoolean, kBigint),
        Call(Kind::kSum, kBigint, kBigint), Call(Kind::kAvg, Type(TypeKind::kDate), kDouble),
        Call(Kind::kMin, kBoolean, kBoolean), Call(Kind::kMax, jsonb, jsonb),
        Call(Kind::kMin, kBigint, wide), Call(Kind::kBoolAnd, kBigint, kBoolean),
        Call(Kind::kVarSamp, kText, kDouble), Call(Kind::kCount, kBigint, kText),
        Call(Kind::kSum, kDouble, wide)}) {
    auto states = AggregateStates::Make({call});
    EXPECT_EQ(states.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(std::string(states.status().message()).find(ToString(call.argument_type)),
              std::string::npos)
        << states.status();
  }
}

TEST(Accumulators, CutOrExcessiveEncodingsAreDataLoss) {
  auto states =
      *AggregateStates::Make({Call(Kind::kSum, kDouble, kDouble), Call(Kind::kMax, kText, kText),
                              Call(Kind::kCountDistinct, kText, kBigint)});
  auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("x", arrow::float64())}), 1,
                                        {Doubles({1.5})});
  // All calls read column 0, so build the text states by hand.
  std::string encoded(24, '\0');
  encoded +=
      "\x01\x03"
      "abc"
      "\x02\x02"
      "xy\x01z";
  Group group(states);
  ASSERT_TRUE(states.Merge(group.states(), encoded, group.arena).ok());
  std::string again;
  states.Encode(group.states(), DistinctIn::kState, &again);
  EXPECT_EQ(again.size(), encoded.size());
  std::string apart;
  states.Encode(group.states(), DistinctIn::kEntries, &apart);
  EXPECT_EQ(apart.size(), encoded.size() - 5);
  for (size_t size = 0; size < encoded.size(); ++size) {
    Group other(states);
    EXPECT_EQ(states.Merge(other.states(), encoded.substr(0, size), other.arena).code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
  Group other(states);
  EXPECT_EQ(states.Merge(other.states(), encoded + "x", other.arena).code(),
            absl::StatusCode::kDataLoss);
}

TEST(Accumulators, ManyTextsDontGrowTheArenaForever) {
  auto states = *AggregateStates::Make({Call(Kind::kMax, kText, kText)});
  Group group(states);
  for (int i = 0; i < 20000; ++i) {
    auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("x", arrow::utf8())}), 1,
                                          {Texts({absl::StrCat(1000000 + i)})});
    ASSERT_TRUE(Update(states, *batch, {0}, group).ok());
  }
  EXPECT_LT(group.arena.bytes(), 4096);
}

}  // namespace
}  // namespace weir
