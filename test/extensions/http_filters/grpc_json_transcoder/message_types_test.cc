// JSON to messages and back, against Protobuf's own conversion of whole messages.
#include "extensions/http_filters/grpc_json_transcoder/message_types.h"

#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "source/base/concat.h"
#include "source/base/random.h"
#include "test/extensions/http_filters/grpc_json_transcoder/descriptor_sets.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

namespace pb = google::protobuf;

// Messages with random fields of every type that text can be made of.
class RandomMessages {
 public:
  explicit RandomMessages(uint64_t seed) : random_(seed) {}

  void fill(pb::Message& message, int depth) {
    const pb::Descriptor& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      const pb::FieldDescriptor& field = *type.field(i);
      if (random_.uniform(3) != 0) continue;
      const bool message_field = field.cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE;
      if (message_field && depth == 0) continue;
      const int count = field.is_repeated() ? 1 + static_cast<int>(random_.uniform(3)) : 1;
      for (int k = 0; k < count; ++k) set(message, field, depth, field.is_map() && k > 0);
    }
  }

 private:
  std::string text() {
    static const char* const kParts[] = {"a",    "\"", "\\", "\n", "<", "\xe2\x82\xac",
                                         "\x7f", "{",  ""};
    std::string out;
    for (uint64_t i = random_.uniform(6); i > 0; --i) out += kParts[random_.uniform(9)];
    return out;
  }

  void set(pb::Message& message, const pb::FieldDescriptor& field, int depth, bool skip) {
    if (skip) return;  // keys of maps would come twice
    const pb::Reflection& r = *message.GetReflection();
    const bool many = field.is_repeated();
    const auto number = static_cast<int32_t>(random_.uniform(1u << 31));
    switch (field.cpp_type()) {
      case pb::FieldDescriptor::CPPTYPE_INT32:
        return many ? r.AddInt32(&message, &field, number) : r.SetInt32(&message, &field, number);
      case pb::FieldDescriptor::CPPTYPE_UINT32:
        return r.SetUInt32(&message, &field, static_cast<uint32_t>(number) * 2);
      case pb::FieldDescriptor::CPPTYPE_INT64:
        return r.SetInt64(&message, &field, -static_cast<int64_t>(random_.uniform(1ull << 63)));
      case pb::FieldDescriptor::CPPTYPE_DOUBLE:
        return r.SetDouble(&message, &field, number / 7.0);
      case pb::FieldDescriptor::CPPTYPE_BOOL:
        return r.SetBool(&message, &field, true);
      case pb::FieldDescriptor::CPPTYPE_ENUM:
        return many ? r.AddEnumValue(&message, &field, number % 3)
                    : r.SetEnumValue(&message, &field, number % 3);
      case pb::FieldDescriptor::CPPTYPE_STRING:
        return many ? r.AddString(&message, &field, text()) : r.SetString(&message, &field, text());
      case pb::FieldDescriptor::CPPTYPE_MESSAGE: {
        pb::Message& inner =
            many ? *r.AddMessage(&message, &field) : *r.MutableMessage(&message, &field);
        return fillInner(inner, depth);
      }
      default:
        return;
    }
  }

  // Some of Protobuf's own messages have not every value in JSON.
  void fillInner(pb::Message& inner, int depth) {
    const std::string& type = inner.GetDescriptor()->full_name();
    const auto field = [&](const char* name) {
      return inner.GetDescriptor()->FindFieldByName(name);
    };
    const pb::Reflection& r = *inner.GetReflection();
    if (type == "google.protobuf.Timestamp" || type == "google.protobuf.Duration") {
      r.SetInt64(&inner, field("seconds"), static_cast<int64_t>(random_.uniform(1u << 31)));
      r.SetInt32(&inner, field("nanos"), static_cast<int32_t>(random_.uniform(1000)) * 1'000'000);
    } else if (type == "google.protobuf.FieldMask") {
      r.AddString(&inner, field("paths"), "author.first_name");
    } else if (type != "google.protobuf.Any" && type != "google.protobuf.Struct") {
      fill(inner, depth - 1);
    }
  }

  base::Random random_;
};

class MessageTypesTest : public ::testing::Test {
 protected:
  std::unique_ptr<pb::Message> make(const std::string& type) {
    return std::unique_ptr<pb::Message>(
        factory_.GetPrototype(types_.pool().FindMessageTypeByName(type))->New());
  }

  const std::shared_ptr<const Transcoding> shelves_ = shelves();
  const MessageTypes& types_ = shelves_->types();
  pb::DynamicMessageFactory factory_;
};

TEST_F(MessageTypesTest, LikeProtobufsOwnConversion) {
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    SCOPED_TRACE(seed);
    const auto message = make("shop.Book");
    RandomMessages(seed).fill(*message, 3);
    JsonOptions options;
    options.always_print_primitive_fields = seed % 2 == 0;
    options.always_print_enums_as_ints = seed % 3 == 0;
    options.preserve_proto_field_names = seed % 5 == 0;
    options.add_whitespace = seed % 7 == 0;
    pb::util::JsonPrintOptions print;
    print.always_print_primitive_fields = options.always_print_primitive_fields;
    print.always_print_enums_as_ints = options.always_print_enums_as_ints;
    print.preserve_proto_field_names = options.preserve_proto_field_names;
    print.add_whitespace = options.add_whitespace;
    std::string expected;
    ASSERT_TRUE(pb::util::MessageToJsonString(*message, &expected, print).ok());
    std::string json;
    ASSERT_TRUE(
        types_.toJson("shop.Book", message->SerializeAsString(), options, 1 << 20, json).ok());
    ASSERT_EQ(json, expected);

    const auto theirs = make("shop.Book");
    ASSERT_TRUE(pb::util::JsonStringToMessage(json, theirs.get()).ok()) << json;
    std::string binary;
    const absl::Status status = types_.toBinary("shop.Book", json, options, binary);
    ASSERT_TRUE(status.ok()) << status << json;
    const auto ours = make("shop.Book");
    ASSERT_TRUE(ours->ParseFromString(binary));
    EXPECT_TRUE(pb::util::MessageDifferencer::Equals(*ours, *theirs)) << json;
    EXPECT_TRUE(pb::util::MessageDifferencer::Equals(*ours, *message)) << json;
  }
}

// What is written where a message is damaged: JSON of what Protobuf reads there, or an error; the
// same for damaged JSON.
TEST_F(MessageTypesTest, DamagedBytes) {
  base::Random random(9);
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    const auto message = make("shop.Book");
    RandomMessages(seed).fill(*message, 2);
    std::string binary = message->SerializeAsString();
    std::string json;
    ASSERT_TRUE(types_.toJson("shop.Book", binary, {}, 1 << 20, json).ok());
    std::string out;
    if (!binary.empty()) {
      binary[random.uniform(binary.size())] ^= static_cast<char>(1u << random.uniform(8));
      (void)types_.toJson("shop.Book", binary, {}, 1 << 20, out);
    }
    json[random.uniform(json.size())] ^= static_cast<char>(1u << random.uniform(8));
    out.clear();
    if (types_.toBinary("shop.Book", json, {}, out).ok()) {
      EXPECT_TRUE(make("shop.Book")->ParseFromString(out)) << json;
    }
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_json_transcoder
