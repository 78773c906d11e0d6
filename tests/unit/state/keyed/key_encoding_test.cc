#include "state/keyed/key_encoding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>

#include "absl/strings/escaping.h"
#include "arrow/api.h"
#include "base/string_view.h"

namespace weir {
namespace {

using Columns = std::vector<std::shared_ptr<arrow::Array>>;

template <class Builder, class T>
std::shared_ptr<arrow::Array> Column(const DataType& type,
                                     const std::vector<std::optional<T>>& values) {
  auto builder = arrow::MakeBuilder(ArrowType(type)).ValueOrDie();
  for (const auto& v : values) {
    auto status = v ? static_cast<Builder*>(builder.get())->Append(*v) : builder->AppendNull();
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  return builder->Finish().ValueOrDie();
}

const DataType kText = DataType::Of(TypeKind::kText);
const DataType kBigint = DataType::Of(TypeKind::kBigint);
const DataType kInteger = DataType::Of(TypeKind::kInteger);
const DataType kDouble = DataType::Of(TypeKind::kDouble);
const DataType kReal = DataType::Of(TypeKind::kReal);
const DataType kBoolean = DataType::Of(TypeKind::kBoolean);

std::shared_ptr<arrow::Array> Texts(const std::vector<std::optional<std::string>>& v) {
  return Column<arrow::StringBuilder, std::string>(kText, v);
}

EncodedKeys Encode(const std::vector<DataType>& types, const Columns& columns) {
  EncodedKeys keys;
  auto status = EncodeKeys(types, columns, columns[0]->length(), &keys);
  EXPECT_TRUE(status.ok()) << status;
  return keys;
}

std::string Hex(std::string_view s) { return absl::BytesToHexString(AbslView(s)); }

// These numbers are durable: they decide where stored state belongs. If one changes, every job's
// state is lost.
TEST(KeyEncoding, GoldenBytesAndHashes) {
  EncodedKeys texts = Encode({kText}, {Texts({"click", "", std::nullopt, std::string(200, 'x')})});
  EXPECT_EQ(Hex(texts.key(0)), "06636c69636b");
  EXPECT_EQ(Hex(texts.key(1)), "01");
  EXPECT_EQ(Hex(texts.key(2)), "00");
  EXPECT_EQ(Hex(texts.key(3)).substr(0, 8), "c9017878");
  EXPECT_EQ(texts.hashes[0], 13460829113745373909u);
  EXPECT_EQ(texts.hashes[1], 16226181191752404715u);
  EXPECT_EQ(texts.hashes[2], 14144645293874801883u);
  EXPECT_EQ(texts.hashes[3], 15296402249747253344u);
  EXPECT_EQ(KeyGroupOfHash(texts.hashes[0]), 2773);
  EXPECT_EQ(HashKey(""), 0x2d06800538d394c2u);
  EXPECT_EQ(HashKey(texts.key(3)), texts.hashes[3]);

  EncodedKeys pair = Encode(
      {kBigint, kText},
      {Column<arrow::Int64Builder, int64_t>(kBigint, {-2, std::nullopt}), Texts({"DE", "DE"})});
  EXPECT_EQ(Hex(pair.key(0)), "01feffffffffffffff034445");
  EXPECT_EQ(Hex(pair.key(1)), "00034445");
  EXPECT_EQ(pair.hashes[0], 16448829693233677951u);
  EXPECT_EQ(pair.hashes[1], 561330478754078562u);

  DataType numeric = DataType::Numeric(10, 2);
  EncodedKeys decimals =
      Encode({numeric}, {Column<arrow::Decimal128Builder, arrow::Decimal128>(
                            numeric, {arrow::Decimal128(150), arrow::Decimal128(0),
                                      arrow::Decimal128(-12345), arrow::Decimal128(100)})});
  EXPECT_EQ(Hex(decimals.key(0)), "01010f000000000000000000000000000000");
  EXPECT_EQ(Hex(decimals.key(1)), "010000000000000000000000000000000000");
  EXPECT_EQ(Hex(decimals.key(2)), "0102c7cfffffffffffffffffffffffffffff");
  EXPECT_EQ(Hex(decimals.key(3)), "010001000000000000000000000000000000");
  EXPECT_EQ(decimals.hashes[0], 9877835277193484201u);

  EncodedKeys flags = Encode(
      {kBoolean}, {Column<arrow::BooleanBuilder, bool>(kBoolean, {true, false, std::nullopt})});
  EXPECT_EQ(Hex(flags.key(0)), "0101");
  EXPECT_EQ(Hex(flags.key(1)), "0100");
  EXPECT_EQ(Hex(flags.key(2)), "00");
}

TEST(KeyEncoding, EqualValuesAreOneGroup) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EncodedKeys keys = Encode({kDouble}, {Column<arrow::DoubleBuilder, double>(
                                           kDouble, {0.0, -0.0, nan, -nan, std::nan("7"), 1.0})});
  EXPECT_EQ(keys.key(0), keys.key(1));
  EXPECT_EQ(keys.key(2), keys.key(3));
  EXPECT_EQ(keys.key(2), keys.key(4));
  EXPECT_NE(keys.key(0), keys.key(2));
  EXPECT_NE(keys.key(0), keys.key(5));
  EncodedKeys reals =
      Encode({kReal}, {Column<arrow::FloatBuilder, float>(kReal, {0.0f, -0.0f, NAN, -NAN})});
  EXPECT_EQ(reals.key(0), reals.key(1));
  EXPECT_EQ(reals.key(2), reals.key(3));
  // 1.5 at any scale.
  auto decimal = [](int scale, int64_t unscaled) {
    DataType type = DataType::Numeric(38, scale);
    EncodedKeys k = Encode({type}, {Column<arrow::Decimal128Builder, arrow::Decimal128>(
                                       type, {arrow::Decimal128(unscaled)})});
    return std::string(k.key(0));
  };
  EXPECT_EQ(decimal(1, 15), decimal(2, 150));
  EXPECT_EQ(decimal(1, 15), decimal(17, 150000000000000000));
  EXPECT_NE(decimal(1, 15), decimal(0, 15));
}

TEST(KeyEncoding, NoKeyBeginsAnother) {
  std::mt19937_64 random(7);
  std::set<std::string> keys;
  std::vector<std::optional<std::string>> texts;
  std::vector<std::optional<int32_t>> ints;
  for (int i = 0; i < 400; ++i) {
    std::string s;
    for (uint64_t n = random() % 5; n > 0; --n) s += static_cast<char>(random() % 3);
    texts.push_back(random() % 10 == 0 ? std::nullopt : std::optional(s));
    ints.push_back(random() % 10 == 0 ? std::nullopt
                                      : std::optional<int32_t>(static_cast<int32_t>(random() % 9)));
  }
  EncodedKeys encoded = Encode(
      {kText, kInteger}, {Texts(texts), Column<arrow::Int32Builder, int32_t>(kInteger, ints)});
  for (int i = 0; i < 400; ++i) keys.insert(std::string(encoded.key(i)));
  EXPECT_GT(keys.size(), 100u);
  for (auto a = keys.begin(), b = std::next(a); b != keys.end(); ++a, ++b) {
    EXPECT_NE(b->substr(0, a->size()), *a);
    EXPECT_EQ(*KeySize({kText, kInteger}, *a + "suffix"), a->size());
  }
}

// Every type, NULLs, slices of larger arrays: what is encoded comes back.
TEST(KeyEncoding, DecodesWhatItEncoded) {
  const uint64_t seed = 20240501;
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::vector<DataType> types = {kBoolean,
                                 DataType::Of(TypeKind::kSmallint),
                                 kInteger,
                                 kBigint,
                                 kReal,
                                 kDouble,
                                 DataType::Numeric(20, 4),
                                 kText,
                                 DataType::Of(TypeKind::kBytea),
                                 DataType::Of(TypeKind::kDate),
                                 DataType::Of(TypeKind::kTimestamp),
                                 DataType::Of(TypeKind::kTimestamptz),
                                 DataType::Of(TypeKind::kUuid)};
  const int rows = 500;
  Columns columns;
  for (const DataType& type : types) {
    auto builder = arrow::MakeBuilder(ArrowType(type)).ValueOrDie();
    for (int i = 0; i < rows; ++i) {
      if (random() % 7 == 0) {
        ASSERT_TRUE(builder->AppendNull().ok());
        continue;
      }
      int64_t n = static_cast<int64_t>(random()) >> (random() % 60);
      std::shared_ptr<arrow::Scalar> scalar;
      if (type.kind == TypeKind::kNumeric) {
        scalar = std::make_shared<arrow::Decimal128Scalar>(arrow::Decimal128(n / 100 * 10),
                                                           ArrowType(type));
      } else if (type.kind == TypeKind::kText || type.kind == TypeKind::kBytea ||
                 type.kind == TypeKind::kUuid) {
        scalar = arrow::MakeScalar(ArrowType(type), arrow::Buffer::FromString(std::string(
                                                        random() % 40, static_cast<char>(n))))
                     .ValueOrDie();
      } else if (type.kind == TypeKind::kBoolean) {
        scalar = arrow::MakeScalar(n % 2 == 0);
      } else if (type.kind == TypeKind::kReal) {
        scalar = arrow::MakeScalar(static_cast<float>(n) / 3);
      } else if (type.kind == TypeKind::kDouble) {
        scalar = arrow::MakeScalar(static_cast<double>(n) / 3);
      } else if (type.kind == TypeKind::kSmallint) {
        scalar = arrow::MakeScalar(static_cast<int16_t>(n));
      } else if (type.kind == TypeKind::kInteger) {
        scalar = arrow::MakeScalar(static_cast<int32_t>(n));
      } else if (type.kind == TypeKind::kDate) {
        scalar = std::make_shared<arrow::Date32Scalar>(static_cast<int32_t>(n));
      } else if (type.kind == TypeKind::kBigint) {
        scalar = arrow::MakeScalar(n);
      } else {
        scalar = std::make_shared<arrow::TimestampScalar>(n, ArrowType(type));
      }
      ASSERT_TRUE(builder->AppendScalar(*scalar).ok());
    }
    columns.push_back(builder->Finish().ValueOrDie());
  }
  for (auto [offset, length] : {std::pair{0, rows}, std::pair{13, 301}, std::pair{499, 1}}) {
    Columns slices;
    for (auto& c : columns) slices.push_back(c->Slice(offset, length));
    EncodedKeys keys = Encode(types, slices);
    KeyDecoder decoder(types);
    for (int i = 0; i < length; ++i) ASSERT_TRUE(decoder.Append(keys.key(i)).ok());
    Columns decoded = *decoder.Finish();
    ASSERT_EQ(decoded.size(), types.size());
    for (size_t c = 0; c < types.size(); ++c) {
      EXPECT_TRUE(decoded[c]->Equals(slices[c])) << ToString(types[c]);
    }
    // One column at a time takes another path for text.
    for (size_t c = 0; c < types.size(); ++c) {
      EncodedKeys one = Encode({types[c]}, {slices[c]});
      KeyDecoder one_decoder({types[c]});
      for (int i = 0; i < length; ++i) ASSERT_TRUE(one_decoder.Append(one.key(i)).ok());
      EXPECT_TRUE((*one_decoder.Finish())[0]->Equals(slices[c])) << ToString(types[c]);
    }
  }
}

TEST(KeyEncoding, NoColumnsMeansTheEmptyKey) {
  EncodedKeys keys;
  ASSERT_TRUE(EncodeKeys({}, {}, 3, &keys).ok());
  EXPECT_EQ(keys.size(), 3);
  EXPECT_EQ(keys.key(2), "");
  EXPECT_EQ(keys.hashes[2], HashKey(""));
}

TEST(KeyEncoding, ReusedBuffersGrowOnly) {
  EncodedKeys keys;
  ASSERT_TRUE(EncodeKeys({kText}, {Texts({std::string(1000, 'a'), "b"})}, 2, &keys).ok());
  ASSERT_TRUE(EncodeKeys({kText}, {Texts({"c"})}, 1, &keys).ok());
  EXPECT_EQ(keys.size(), 1);
  EXPECT_EQ(Hex(keys.key(0)), "0263");
}

TEST(KeyEncoding, MalformedKeysAreDataLoss) {
  for (std::string bad : {std::string(),
                          std::string("\x05"
                                      "abc"),
                          std::string("\xff\xff\xff\xff\xff\xff")}) {
    EXPECT_EQ(KeySize({kText}, bad).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(KeyDecoder({kText}).Append(bad).code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(KeySize({kBigint}, std::string("\x01\0\0", 3)).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(KeySize({kBigint}, std::string("\x02\0\0\0\0\0\0\0\0", 9)).status().code(),
            absl::StatusCode::kDataLoss);
  // Bytes behind the key are someone else's for KeySize, an error for a whole key.
  EXPECT_EQ(*KeySize({kText},
                     "\x02"
                     "ab"),
            2u);
  EXPECT_EQ(KeyDecoder({kText})
                .Append("\x02"
                        "ab")
                .code(),
            absl::StatusCode::kDataLoss);
  // More digits after the point than the column has.
  DataType fine = DataType::Numeric(10, 3), coarse = DataType::Numeric(10, 1);
  EncodedKeys keys = Encode({fine}, {Column<arrow::Decimal128Builder, arrow::Decimal128>(
                                        fine, {arrow::Decimal128(1001)})});
  EXPECT_EQ(KeyDecoder({coarse}).Append(keys.key(0)).code(), absl::StatusCode::kDataLoss);
}

TEST(KeyEncoding, ForPeople) {
  EncodedKeys keys =
      Encode({kText, kInteger},
             {Texts({"a"}), Column<arrow::Int32Builder, int32_t>(kInteger, {std::nullopt})});
  EXPECT_EQ(KeyForPeople({kText, kInteger}, keys.key(0)), "(a, NULL)");
}

}  // namespace
}  // namespace weir
