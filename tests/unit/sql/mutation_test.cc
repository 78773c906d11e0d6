// Scripts with slips: whatever is written, the compiler answers, and every refusal has a place.
#include <random>

#include "gtest/gtest.h"
#include "sql/lexer.h"
#include "tests/unit/sql/scripts.h"

namespace weir {
namespace {

constexpr char kScript[] =
    "CREATE VIEW v AS SELECT id, lower(kind) AS kind, price / 2 AS half, n, ts FROM t WHERE NOT "
    "ok;\n"
    "SET checkpoint_interval = '1s';\n"
    "INSERT INTO w SELECT window_start, kind, sum(half) FILTER (WHERE n > -5) * 1.5 FROM hop(v, "
    "ts, "
    "INTERVAL '1 minute', INTERVAL '5' MINUTE) GROUP BY window_start, 2 HAVING count(*) > 3;\n"
    "INSERT INTO o (x, a) SELECT CASE WHEN n BETWEEN 1 AND 2 THEN b ELSE 3 END, 'x' || CAST(d AS "
    "TEXT) "
    "FROM (SELECT * FROM t WHERE kind IN ('a', 'b') AND ts > '2024-01-01') AS q WHERE id IS NOT "
    "NULL;\n";

std::vector<std::string> Words(const std::string& script) {
  std::vector<std::string> words;
  Lexer lexer(script);
  for (Token token = lexer.Next(); token.kind != TokenKind::kEnd; token = lexer.Next()) {
    words.emplace_back(lexer.TextOf(token));
  }
  return words;
}

void ExpectAnAnswer(const std::string& script) {
  absl::StatusOr<CompiledScript> compiled = Compile(script);
  if (compiled.ok()) return;
  EXPECT_EQ(compiled.status().code(), absl::StatusCode::kInvalidArgument) << script;
  EXPECT_EQ(compiled.status().message().substr(0, 5), "line ") << script;
  EXPECT_EQ(compiled.status().message().find("please report"), absl::string_view::npos) << script;
}

TEST(Mutations, OfWords) {
  const std::string whole = std::string(kTables) + kScript;
  ASSERT_TRUE(Compile(whole).ok()) << ErrorOf(whole);
  const std::vector<std::string> words = Words(whole);
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto pick = [&](size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random);
  };
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> mutated = words;
    for (size_t edits = 1 + pick(3); edits > 0; --edits) {
      const size_t at = pick(mutated.size());
      switch (pick(4)) {
        case 0:
          mutated.erase(mutated.begin() + static_cast<int>(at));
          break;
        case 1:
          mutated[at] = words[pick(words.size())];
          break;
        case 2:
          mutated.insert(mutated.begin() + static_cast<int>(at), words[pick(words.size())]);
          break;
        default:
          std::swap(mutated[at], mutated[pick(mutated.size())]);
      }
    }
    std::string script;
    for (const std::string& word : mutated) script += word + " ";
    ExpectAnAnswer(script);
  }
}

TEST(Mutations, OfBytes) {
  const std::string whole = std::string(kTables) + kScript;
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    std::string script = whole;
    const size_t at = random() % script.size();
    switch (random() % 3) {
      case 0:
        script[at] = static_cast<char>(random() % 256);
        break;
      case 1:
        script.erase(at, 1 + random() % 20);
        break;
      default:
        script.resize(at);
    }
    ExpectAnAnswer(script);
  }
}

}  // namespace
}  // namespace weir
