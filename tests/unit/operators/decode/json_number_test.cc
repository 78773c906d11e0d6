#include "operators/decode/json_number.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

// REQUIRES: `text` outlives the result.
JsonNumber Scan(const std::string& text) {
  JsonNumber number;
  EXPECT_TRUE(ScanJsonNumber(text.c_str(), &number)) << text;
  EXPECT_EQ(number.text, text);
  return number;
}

TEST(ScanJsonNumber, TakesTheGrammarAndNoMore) {
  for (const char* text : {"0", "-0", "10", "0.5", "-1.25e+10", "1E-5", "0e0"}) Scan(text);
  for (const char* text :
       {"", "-", "01", "-01", "00", ".5", "1.", "1.e5", "1e", "1e+", "+1", "x"}) {
    JsonNumber number;
    EXPECT_FALSE(ScanJsonNumber(text, &number)) << text;
  }
  JsonNumber number;
  ASSERT_TRUE(ScanJsonNumber("12x", &number));
  EXPECT_EQ(number.text, "12");
}

TEST(ToInt64, WholeNumbersInAnySpelling) {
  const std::pair<std::string, int64_t> cases[] = {
      {"0", 0},
      {"-0.000", 0},
      {"12e2", 1200},
      {"1200e-2", 12},
      {"9223372036854775807", INT64_MAX},
      {"-9223372036854775808", INT64_MIN},
      {"-9223372036854775808.0000", INT64_MIN},
      {"0.9223372036854775807e19", INT64_MAX},
      {"0.00000000000000000000000000000000000000000001e44", 1},
      {"0e999999999999", 0}};
  for (const auto& [text, expected] : cases) {
    int64_t value = -7;
    EXPECT_EQ(ToInt64(Scan(text), &value), NumberFit::kOk) << text;
    EXPECT_EQ(value, expected) << text;
  }
  for (const std::string text :
       {"0.1", "1e-1", "1.5", "12345678901234567890.5", "1e-999999999999"}) {
    int64_t value = 0;
    EXPECT_EQ(ToInt64(Scan(text), &value), NumberFit::kFraction) << text;
  }
  for (const std::string text :
       {"9223372036854775808", "-9223372036854775809", "1e19", "1e999999999999",
        "18446744073709551616", "99999999999999999999999999999"}) {
    int64_t value = 0;
    EXPECT_EQ(ToInt64(Scan(text), &value), NumberFit::kRange) << text;
  }
}

TEST(ToDouble, IsTheNearestForRandomNumbers) {
  std::mt19937_64 random(7);  // The seed is the test's.
  for (int i = 0; i < 200'000; ++i) {
    std::string text;
    switch (i % 4) {
      case 0:  // Prices and the like.
        text = absl::StrCat(random() % 1'000'000, ".", random() % 1000);
        break;
      case 1:
        text = absl::StrCat(random() % 100 == 0 ? "-" : "", random(), "e",
                            static_cast<int>(random() % 60) - 30);
        break;
      case 2: {  // Any bits, at full length.
        uint64_t bits = random();
        double value = 0;
        std::memcpy(&value, &bits, 8);
        if (!std::isfinite(value)) continue;
        text = absl::StrFormat("%.17g", value);
        break;
      }
      default:  // More digits than fit.
        text = absl::StrCat(random(), random(), ".", random());
    }
    double value = 0;
    const bool fits = ToDouble(Scan(text), &value);
    const double expected = std::strtod(text.c_str(), nullptr);
    if (fits) {
      ASSERT_EQ(value, expected) << text;
    } else {
      ASSERT_TRUE(std::isinf(expected) || std::abs(expected) < 1e-300) << text;
    }
  }
}

TEST(ToDouble, BeyondTheRange) {
  double value = 0;
  EXPECT_FALSE(ToDouble(Scan("1e309"), &value));
  EXPECT_FALSE(ToDouble(Scan("-1e400"), &value));
  EXPECT_FALSE(ToDouble(Scan("1e-400"), &value));
  EXPECT_TRUE(ToDouble(Scan("0e-400"), &value));
  EXPECT_TRUE(ToDouble(Scan("-0"), &value));
  EXPECT_TRUE(std::signbit(value));
  float real = 0;
  EXPECT_FALSE(ToFloat(Scan("1e39"), &real));
  EXPECT_TRUE(ToFloat(Scan("0.1"), &real));
  EXPECT_EQ(real, 0.1f);
}

TEST(ToDecimal, RoundsHalfAwayFromZero) {
  struct Case {
    std::string text;
    int precision, scale;
    const char* expected;  // unscaled; null = too large
  };
  const Case cases[] = {
      {"1.005", 10, 2, "101"},
      {"-1.005", 10, 2, "-101"},
      {"1.0049999999999999999999999", 10, 2, "100"},
      {"1.0050000000000000000000000", 10, 2, "101"},
      {"0.5", 1, 0, "1"},
      {"0.49999999999999999999999", 1, 0, "0"},
      {"-0.5", 1, 0, "-1"},
      {"1e-50", 38, 38, "0"},
      {"5e-39", 38, 38, "1"},
      {"4e-39", 38, 38, "0"},
      {"9.994", 3, 2, "999"},
      {"9.995", 3, 2, nullptr},
      {"1e37", 38, 0, "10000000000000000000000000000000000000"},
      {"1e38", 38, 0, nullptr},
      {"99999999999999999999999999999999999999.4", 38, 0, "99999999999999999999999999999999999999"},
      {"99999999999999999999999999999999999999.5", 38, 0, nullptr},
      {"1e999999999999", 38, 0, nullptr},
      {"0e999999999999", 38, 0, "0"},
      {"12345678901234567890123.45", 38, 2, "1234567890123456789012345"},
  };
  for (const Case& c : cases) {
    absl::int128 value = 0;
    const bool fits = ToDecimal(Scan(c.text), c.precision, c.scale, &value);
    ASSERT_EQ(fits, c.expected != nullptr) << c.text;
    if (fits) {
      EXPECT_EQ((std::ostringstream() << value).str(), c.expected) << c.text;
    }
  }
}

}  // namespace
}  // namespace weir
