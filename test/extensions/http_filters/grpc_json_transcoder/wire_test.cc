#include "extensions/http_filters/grpc_json_transcoder/wire.h"

#include <gtest/gtest.h>

#include <string>

#include "source/base/concat.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

// "1=abc 2=", or with "!" at the end when it is damaged.
std::string fieldsOf(std::string_view bytes) {
  WireReader reader(bytes);
  WireField field;
  std::string out;
  for (;;) {
    switch (reader.next(field)) {
      case WireReader::Result::kField:
        out += base::concat(field.number, "=", field.value, " ");
        break;
      case WireReader::Result::kEnd:
        return out;
      case WireReader::Result::kDamaged:
        return out + "!";
    }
  }
}

TEST(WireReader, StopsAtFieldsWithLength) {
  EXPECT_EQ(fieldsOf(""), "");
  EXPECT_EQ(fieldsOf("\x0a\x01x\x12\x02yz"), "1=x 2=yz ");
  EXPECT_EQ(fieldsOf(std::string("\x0a\x00\x08\x96\x01\x15....\x11........\x0a\x01x", 22)),
            "1= 1=x ");
  EXPECT_EQ(fieldsOf("\xfa\xff\xff\xff\x0f\x01x"), "536870911=x ");
  // What is in a group is not the message's.
  EXPECT_EQ(fieldsOf("\x0b\x12\x01x\x13\x08\x01\x14\x0c\x0a\x01y"), "1=y ");
}

TEST(WireReader, SeesDamage) {
  EXPECT_EQ(fieldsOf("\x0a"), "!");
  EXPECT_EQ(fieldsOf("\x0a\x02x"), "!");
  EXPECT_EQ(fieldsOf("\x0a\x01x\x08"), "1=x !");
  EXPECT_EQ(fieldsOf("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "!");
  EXPECT_EQ(fieldsOf("\x11......."), "!");
  EXPECT_EQ(fieldsOf("\x15..."), "!");
  EXPECT_EQ(fieldsOf(std::string("\x02\x00", 2)), "!");  // field 0
  EXPECT_EQ(fieldsOf("\x0e\x01"), "!");                  // wire type 6
  EXPECT_EQ(fieldsOf("\x0c"), "!");                      // the end of no group
  EXPECT_EQ(fieldsOf("\x0b\x08\x01"), "!");              // a group without end
  EXPECT_EQ(fieldsOf("\xff\xff\xff\xff\xff\x01\x01x"), "!");
  EXPECT_EQ(fieldsOf("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"), "!");
}

TEST(WireFields, WrittenAndRead) {
  std::string bytes;
  appendField(1, "a", bytes);
  appendField(536870911, std::string(300, 'b'), bytes);
  appendField(1, "c", bytes);
  EXPECT_EQ(fieldOf(bytes, 1), "ac");
  EXPECT_EQ(fieldOf(bytes, 536870911), std::string(300, 'b'));
  EXPECT_EQ(fieldOf(bytes, 2), "");
  bytes.pop_back();
  EXPECT_EQ(fieldOf(bytes, 1), std::nullopt);
}

TEST(HttpBodies, WrittenAndRead) {
  const auto body = decodeHttpBody(encodeHttpBody("text/html", "<p>"));
  ASSERT_TRUE(body.has_value());
  EXPECT_EQ(body->content_type, "text/html");
  EXPECT_EQ(body->data, "<p>");
  EXPECT_EQ(encodeHttpBody("", ""), "");
  EXPECT_EQ(decodeHttpBody("\x0a\x09x"), std::nullopt);
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_json_transcoder
