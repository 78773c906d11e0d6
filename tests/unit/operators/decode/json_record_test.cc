#include "operators/decode/json_record.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "operators/bad_rows.h"
#include "operators/decode/json_tokens.h"

namespace weir {
namespace {

using testing::HasSubstr;

class JsonRecordTest : public testing::Test {
 protected:
  JsonRecordTest() {
    Schema schema;
    schema.columns = {{"v", DataType::Of(TypeKind::kJsonb), true}};
    columns_.emplace_back(schema.columns[0], TimestampUnit::kNone);
    columns_[0].writer().Begin(100);
    keys_ = std::make_unique<JsonKeys>(schema, std::vector<int>{0});
    parser_ = std::make_unique<JsonRecordParser>(keys_.get(), &columns_);
  }

  // What the first record says is wrong; "" when nothing is. `behind` follows it in the same text.
  std::string Parse(const std::string& record, const std::string& behind = "") {
    std::string text = record + "\n" + behind + "\n";
    text.reserve(text.size() + 64);
    columns_[0].DropRow();
    EXPECT_EQ(tokens_.Scan(text.data(), text.size() - 1), JsonTokens::Fault::kNone);
    const uint32_t* end = parser_->Parse(text.data(), tokens_.begin(), 0,
                                         static_cast<uint32_t>(record.size()), /*escapes=*/true);
    if (end == nullptr) return parser_->message();
    EXPECT_GE(*end, record.size());
    return "";
  }

  JsonTokens tokens_;
  std::vector<JsonColumn> columns_;
  std::unique_ptr<JsonKeys> keys_;
  std::unique_ptr<JsonRecordParser> parser_;
};

TEST_F(JsonRecordTest, StopsAtItsEnd) {
  EXPECT_EQ(Parse("{\"v\":[1,{\"a\":null}]}", "{\"v\":2}"), "");
  EXPECT_EQ(columns_[0].state(), JsonColumn::State::kValue);
}

TEST_F(JsonRecordTest, ErrorsNamePlaceFoundAndExpected) {
  EXPECT_EQ(Parse("{\"v\" 1}"), "not JSON: at byte 6 found 1}, expected \":\"");
  EXPECT_EQ(Parse("{\"v\":1 2}"), "not JSON: at byte 8 found 2}, expected \",\" or \"}\"");
  EXPECT_EQ(Parse("{\"v\":[1 2]}"), "not JSON: at byte 9 found 2]}, expected \",\" or \"]\"");
  EXPECT_EQ(Parse(""), "not JSON: at byte 1 found nothing, expected an object");
  EXPECT_EQ(Parse("{"),
            "not JSON: at byte 2 found the end of the record, expected a key in quotes");
  EXPECT_EQ(Parse("{\"v\":1}}"), "not JSON: at byte 8 found }, expected the end of the record");
  EXPECT_EQ(Parse("[1]"), "the record is [1], accepted: an object");
  EXPECT_STREQ(parser_->reason(), kBadType);
}

TEST_F(JsonRecordTest, NothingIsTakenFromTheNextRecord) {
  for (const char* record :
       {"{", "{\"v\"", "{\"v\":", "{\"v\":1,", "{\"v\":[", "{\"v\":[1,", "{\"v\":{\"a\":", "[1,"}) {
    for (const char* behind : {"}", "\"v\":1}", ":1}", "1}", "1]}", "1}}", "]", "{}", "1]"}) {
      EXPECT_THAT(Parse(record, behind), HasSubstr("the end of the record")) << record << behind;
    }
  }
}

TEST_F(JsonRecordTest, NestingHasALimitAndNeedsNoStack) {
  auto nested = [](int levels) {
    return "{\"v\":" + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  EXPECT_EQ(Parse(nested(1024)), "");
  EXPECT_THAT(Parse(nested(1026)), HasSubstr("1024 levels"));
  EXPECT_THAT(Parse("{\"v\":" + std::string(1'000'000, '[')), HasSubstr("1024 levels"));
}

}  // namespace
}  // namespace weir
