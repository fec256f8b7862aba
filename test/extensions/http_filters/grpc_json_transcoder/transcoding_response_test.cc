// What becomes of the upstream's messages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "extensions/http_filters/grpc_json_transcoder/transcoding.h"
#include "extensions/http_filters/grpc_json_transcoder/wire.h"
#include "source/base/concat.h"
#include "test/extensions/http_filters/grpc_json_transcoder/descriptor_sets.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

// What stands before a field with `size` bytes.
std::string keyAndSize(uint32_t field, size_t size) {
  std::string bytes;
  for (uint64_t value : {uint64_t{field} << 3 | 2, uint64_t{size}}) {
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
    bytes += static_cast<char>(value);
  }
  return bytes;
}

class TranscodingResponseTest : public ::testing::Test {
 protected:
  void use(const Options& options) { shelves_ = shelves(options); }
  // JSON of what method and target answer with a message of this text.
  std::string json(std::string_view method, std::string_view target, std::string_view text,
                   bool in_stream = false) {
    const Binding* binding = shelves_->match(method, target);
    if (binding == nullptr) return "none";
    const std::string binary =
        binaryOf(shelves_->types(), binding->method->response->full_name(), text);
    std::string out;
    const absl::Status status = shelves_->responseJson(*binding, binary, in_stream, out);
    return status.ok() ? out : std::string(base::view(status.message()));
  }

  std::shared_ptr<const Transcoding> shelves_ = shelves();
};

TEST_F(TranscodingResponseTest, MessagesAsJson) {
  constexpr std::string_view kBook =
      R"(name: "n" kind: COMIC isbn: 5 author { first_name: "A" } printed { seconds: 1 })";
  EXPECT_EQ(json("GET", "/v1/books/1", kBook),
            R"({"name":"n","kind":"COMIC","author":{"firstName":"A"},)"
            R"("printed":"1970-01-01T00:00:01Z","isbn":"5"})");
  use({.json = {.always_print_enums_as_ints = true, .preserve_proto_field_names = true}});
  EXPECT_EQ(json("GET", "/v1/books/1", R"(kind: COMIC author { first_name: "A" })"),
            R"({"kind":1,"author":{"first_name":"A"}})");
  use({.json = {.add_whitespace = true}});
  EXPECT_EQ(json("GET", "/v1/books/1", R"(name: "n")"), "{\n \"name\": \"n\"\n}\n");
  EXPECT_EQ(json("GET", "/v1/books/1", R"(name: "n")", true), "{\"name\":\"n\"}");
  use({.json = {.always_print_primitive_fields = true}});
  EXPECT_EQ(json("DELETE", "/v1/shelves/1/books/2", ""), R"({"count":0})");
}

TEST_F(TranscodingResponseTest, FieldsAsBody) {
  constexpr std::string_view kTitles =
      R"(titles: "a:}" titles: "b" best { name: "n" } count: 2 at { seconds: 1 })";
  for (const bool whitespace : {false, true}) {
    use({.json = {.add_whitespace = whitespace}});
    EXPECT_EQ(json("GET", "/v1/titles:count", kTitles), "2");
    EXPECT_EQ(json("GET", "/v1/titles:at", kTitles), "\"1970-01-01T00:00:01Z\"");
    EXPECT_EQ(json("GET", "/v1/titles", ""), "[]");
    EXPECT_EQ(json("GET", "/v1/titles:best", ""), "{}");
    EXPECT_EQ(json("GET", "/v1/titles:count", ""), "0");
    EXPECT_EQ(json("GET", "/v1/titles:at", ""), "null");
    EXPECT_EQ(json("PUT", "/v1/titles/x", R"(title: "T")"), "\"T\"");
    EXPECT_EQ(json("PUT", "/v1/titles/x", ""), "\"\"");
  }
  use({});
  EXPECT_EQ(json("GET", "/v1/titles", kTitles), R"(["a:}","b"])");
  EXPECT_EQ(json("GET", "/v1/titles:best", kTitles), R"({"name":"n"})");
}

TEST_F(TranscodingResponseTest, DamagedAndHugeMessages) {
  const Binding* binding = shelves_->match("GET", "/v1/books/1");
  std::string out;
  EXPECT_FALSE(shelves_->responseJson(*binding, "\x0a\x7f", false, out).ok());
  EXPECT_FALSE(shelves_->responseJson(*binding, "\x9b\x9b\x9b", false, out).ok());
  // Packed enums: one byte each, and eight in JSON.
  use({.max_response_message_bytes = 1024});
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "kinds: COMIC ";
  EXPECT_EQ(json("GET", "/v1/books/1", text), "the message is too large as JSON");
  // Deeper than Protobuf goes.
  std::string deep;
  for (int i = 0; i < 20'000; ++i) {
    const std::string inner = deep;
    if (inner.size() > 60'000) break;
    deep = std::string("\x1a", 1);
    size_t size = inner.size();
    for (; size >= 0x80; size >>= 7) deep += static_cast<char>(size | 0x80);
    deep += static_cast<char>(size);
    deep += inner;
  }
  EXPECT_FALSE(shelves_->types().toJson("shop.Author", deep, {}, 1 << 20, out).ok());
}

// Protobuf's recursion begins anew with each Any.
TEST_F(TranscodingResponseTest, AnysInAnysAreBounded) {
  const auto wrapped = [](int times, std::string_view type) {
    // From the innermost one on, each without what it wraps: put together in the other order.
    std::vector<std::string> layers;
    size_t size = 0;
    const auto wrap = [&](std::string before, uint32_t field) {
      before += keyAndSize(field, size);
      size += before.size();
      layers.push_back(std::move(before));
    };
    for (int i = 0; i < times; ++i) {
      std::string url;
      appendField(1, base::concat("type.googleapis.com/", type), url);
      wrap(std::move(url), 2);
      if (type == "shop.Book") wrap({}, 21);
    }
    std::string bytes;
    for (size_t i = layers.size(); i-- > 0;) bytes += layers[i];
    return bytes;
  };
  const MessageTypes& types = shelves_->types();
  std::string out;
  EXPECT_TRUE(
      types.toJson("google.protobuf.Any", wrapped(30, "google.protobuf.Any"), {}, 1 << 20, out)
          .ok());
  EXPECT_TRUE(types.toJson("shop.Book", wrapped(30, "shop.Book"), {}, 1 << 20, out).ok());
  for (const int times : {200, 20'000}) {
    EXPECT_FALSE(
        types.toJson("google.protobuf.Any", wrapped(times, "google.protobuf.Any"), {}, 1 << 20, out)
            .ok());
    EXPECT_FALSE(types.toJson("shop.Book", wrapped(times, "shop.Book"), {}, 1 << 20, out).ok());
  }
  // Many beside each other are fine.
  std::string count;
  appendField(1, "type.googleapis.com/shop.Count", count);
  std::string book;
  for (int i = 0; i < 1000; ++i) {
    std::string one;
    appendField(21, count, one);
    appendField(22, one, book);
  }
  EXPECT_TRUE(types.toJson("shop.Book", book, {}, 1 << 20, out).ok());
}

TEST_F(TranscodingResponseTest, StatusWithDetails) {
  const MessageTypes& types = shelves_->types();
  const std::string count = binaryOf(types, "shop.Count", "count: 3");
  // google.rpc.Status: details = 3, with a google.protobuf.Any each.
  const auto detail = [](std::string_view type, std::string_view value) {
    std::string any = base::concat("\x0a", static_cast<char>(type.size()), type, "\x12",
                                   static_cast<char>(value.size()), value);
    return base::concat("\x1a", static_cast<char>(any.size()), any);
  };
  const std::string status = std::string("\x08\x05", 2) +
                             detail("type.googleapis.com/shop.Count", count) +
                             detail("type.googleapis.com/shop.Unknown", "\x01\x02");
  EXPECT_EQ(shelves_->errorJson(5, "not \"here\"", status),
            R"({"code":5,"message":"not \"here\"","details":[)"
            R"({"@type":"type.googleapis.com/shop.Count","count":3},)"
            R"({"@type":"type.googleapis.com/shop.Unknown","value":"AQI="}]})");
  EXPECT_EQ(shelves_->errorJson(5, "\xff", "damaged"),
            "{\"code\":5,\"message\":\"\xef\xbf\xbd\",\"details\":[]}");
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_json_transcoder
