#include "base/xml_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(XmlTextTest, FindsElementsAndTheirText) {
  const std::string xml =
      "<?xml version=\"1.0\"?><L xmlns=\"x\"><C><Key>a</Key></C><C><Key>b</Key></C><E></E></L>";
  EXPECT_THAT(XmlElements(xml, "C"), ElementsAre("<Key>a</Key>", "<Key>b</Key>"));
  EXPECT_EQ(XmlText(xml, "Key"), "a");
  EXPECT_EQ(XmlText(xml, "E"), "");
  EXPECT_EQ(XmlText(xml, "Missing"), "");
}

TEST(XmlTextTest, ResolvesEntities) {
  EXPECT_EQ(XmlText("<K>&quot;1&quot; &amp;lt; &lt;&gt;&apos;&#34;&#x22;</K>", "K"),
            "\"1\" &lt; <>'\"\"");
  EXPECT_EQ(XmlText("<K>é & &unknown; &#xZZ; &#0;&#99999999999;</K>", "K"),
            "é & &unknown; &#xZZ; &#0;&#99999999999;");
  EXPECT_EQ(XmlText("<K>&#</K>", "K"), "&#");
  EXPECT_EQ(XmlEscape("\"<a&b>'"), "&quot;&lt;a&amp;b&gt;&apos;");
}

TEST(XmlTextTest, TakesNothingFromATornDocument) {
  EXPECT_THAT(XmlElements("<C>1</C><C>2", "C"), ElementsAre("1"));
  EXPECT_THAT(XmlElements("</C><C", "C"), IsEmpty());
  EXPECT_THAT(XmlElements("", "C"), IsEmpty());
}

}  // namespace
}  // namespace weir
