#include "source/config/text_parser.h"

#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "api/weir/config/v1/config.pb.h"
#include "api/weir/extensions/access_loggers/file/v1/file.pb.h"
#include "api/weir/extensions/load_balancing/least_request/v1/least_request.pb.h"
#include "source/base/concat.h"
#include "source/base/random.h"
#include "test/config/fake_extensions.h"

namespace weir::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::TextFormat;
using google::protobuf::util::MessageDifferencer;

// Parses into `message` and returns the findings.
std::string parse(std::string_view text, Message& message) {
  const auto registry = fakeRegistry();
  Diagnostics diagnostics;
  ParsedFile file("t", diagnostics);
  const bool structure = parseText(text, *registry, file, message);
  EXPECT_TRUE(structure || !diagnostics.ok());
  return diagnostics.toString();
}

TEST(TextParser, AgreesWithProtobufOnTheSpellings) {
  const std::vector<std::string> texts = {
      "",
      "# only a comment",
      "admin { address: \"x\" }",
      "admin: { address: 'x' }",
      "admin < address: \"a\" \"b\" 'c' >",
      "admin { address: \"\\x41\\101\\u00e4\\n\\\"\" allow_remote: true, }",
      "admin { allow_remote: t } runtime { workers: 0x10; max_connections: 010 }",
      "admin { allow_remote: 1 } ;",
      "listeners { name: \"a\" } listeners { name: \"b\" }",
      "listeners [ { name: \"a\" }, < name: \"b\" > ]",
      "listeners: []",
      "runtime { log { level: LEVEL_DEBUG } }",
      "runtime { log { level: 2 } }",
      "runtime { drain_timeout { seconds: -5 nanos: -0 } }",
      "clusters { connect_timeout: { seconds: 9223372036854775807 } }",
      "clusters { connect_timeout: { seconds: -9223372036854775808 } }",
      "clusters { endpoints { weight: 4294967295 } }",
      ("clusters { load_balancing { config { [type.googleapis.com/weir.extensions.load_balancing."
       "least_request.v1.LeastRequest] { choices: 3 } } } }"),
      ("clusters { load_balancing { config: { [type.googleapis.com/weir.extensions.load_balancing."
       "least_request.v1.LeastRequest]: < full_scan_size: 0 > } } }"),
      ("listeners { filter_chains { match { source_prefixes: [\"a\", \"b\"] source_prefixes: \"c\" "
       "} } }"),
  };
  for (const std::string& text : texts) {
    v1::Config ours;
    v1::Config theirs;
    const bool accepted = TextFormat::ParseFromString(text, &theirs);
    const std::string found = parse(text, ours);
    EXPECT_EQ(found.empty(), accepted) << text << "\n" << found;
    EXPECT_TRUE(MessageDifferencer::Equals(ours, theirs)) << text << "\n" << ours.DebugString();
  }
}

// A message with random content in every kind of field that the configuration has.
void fill(Message& message, base::Random& random, int depth) {
  const auto& type = *message.GetDescriptor();
  const Reflection& to = *message.GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (random.uniform(3) == 0 || field.is_map()) continue;
    for (uint64_t n = field.is_repeated() ? random.uniform(3) + 1 : 1; n > 0; --n) {
      const auto text = [&] {
        std::string value;
        for (uint64_t k = random.uniform(6); k > 0; --k) {
          value += static_cast<char>(random.uniform(2) == 0 ? random.uniform(128) : 'a');
        }
        return value;
      };
      switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE: {
          if (depth == 0 || field.message_type()->full_name() == "google.protobuf.Any") break;
          fill(field.is_repeated() ? *to.AddMessage(&message, &field)
                                   : *to.MutableMessage(&message, &field),
               random, depth - 1);
          break;
        }
        case FieldDescriptor::CPPTYPE_STRING:
          field.is_repeated() ? to.AddString(&message, &field, text())
                              : to.SetString(&message, &field, text());
          break;
        case FieldDescriptor::CPPTYPE_UINT32:
          to.SetUInt32(&message, &field, static_cast<uint32_t>(random.next()));
          break;
        case FieldDescriptor::CPPTYPE_UINT64:
          to.SetUInt64(&message, &field, random.next());
          break;
        case FieldDescriptor::CPPTYPE_INT32:
          to.SetInt32(&message, &field, static_cast<int32_t>(random.next()));
          break;
        case FieldDescriptor::CPPTYPE_INT64:
          to.SetInt64(&message, &field, static_cast<int64_t>(random.next()));
          break;
        case FieldDescriptor::CPPTYPE_BOOL:
          to.SetBool(&message, &field, random.uniform(2) == 0);
          break;
        case FieldDescriptor::CPPTYPE_ENUM:
          to.SetEnum(&message, &field,
                     field.enum_type()->value(static_cast<int>(
                         random.uniform(static_cast<uint64_t>(field.enum_type()->value_count())))));
          break;
        default:
          ADD_FAILURE() << "no random " << field.cpp_type_name();
      }
    }
  }
}

TEST(TextParser, ReadsWhatProtobufPrints) {
  base::Random random(7);
  for (int round = 0; round < 300; ++round) {
    v1::Config config;
    fill(config, random, 6);
    TextFormat::Printer printer;
    printer.SetSingleLineMode(round % 2 == 0);
    std::string text;
    printer.PrintToString(config, &text);
    v1::Config read;
    ASSERT_EQ(parse(text, read), "") << text;
    ASSERT_TRUE(MessageDifferencer::Equals(read, config)) << text;
  }
}

TEST(TextParser, ShortAndFullNamesOfAnExtensionAreTheSame) {
  v1::Config small;
  v1::Config full;
  EXPECT_EQ(
      parse("clusters { load_balancing { config { [load_balancing/least_request] { choices: 3 "
            "} } } }",
            small),
      "");
  EXPECT_EQ(parse("clusters { load_balancing { config { [type.googleapis.com/weir.extensions."
                  "load_balancing.least_request.v1.LeastRequest] { choices: 3 } } } }",
                  full),
            "");
  EXPECT_TRUE(MessageDifferencer::Equals(small, full));
  extensions::load_balancing::least_request::v1::LeastRequest content;
  ASSERT_TRUE(small.clusters(0).load_balancing().config().UnpackTo(&content));
  EXPECT_EQ(content.choices(), 3u);
}

TEST(TextParser, MapsAreRead) {
  extensions::access_loggers::file::v1::File file;
  EXPECT_EQ(parse("json_format { key: \"a\" value: \"b\" } json_format: { key: \"c\" }", file), "");
  EXPECT_EQ(file.json_format().size(), 2u);
  EXPECT_EQ(file.json_format().at("a"), "b");
}

TEST(TextParser, TextMustBeUtf8) {
  v1::Config config;
  EXPECT_EQ(parse("admin { address: \"\xC3\xA4\xF0\x9F\x98\x80\" }", config), "");
  for (const char* bad : {"\x80", "\xC3", "\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80",
                          "\xE0\x80\x80", "\xF4\x90\x80\x80", "\xF0\x80\x80\x80"}) {
    EXPECT_EQ(parse(base::concat("admin { address: \"", bad, "\" }"), config),
              "t:1:18: admin.address: is not UTF-8; save the file as UTF-8\n");
  }
}

TEST(TextParser, ByteOrderMarkAndCarriageReturnsAreSpace) {
  v1::Config config;
  EXPECT_EQ(parse("\xEF\xBB\xBF"
                  "admin {\r\n address: \"a\"\r\n}\r\n",
                  config),
            "");
}

TEST(TextParser, TabsCountToTheNextEighthColumn) {
  v1::Config config;
  EXPECT_EQ(parse("\tx: 1", config),
            "t:1:9: x: Config has no field \"x\"; known: listeners, clusters, admin, runtime, "
            "node, health, shared_dictionaries, plugins\n");
}

TEST(TextParser, DepthIsBounded) {
  v1::Extension extension;
  std::string text;
  for (int i = 0; i < 200; ++i) text += "config { [http_filters/tag] { ";
  const std::string found = parse(text, extension);
  EXPECT_NE(found.find("messages are nested too deeply"), std::string::npos) << found;
}

// Any prefix and any damaged byte is either fine or reported with a place.
TEST(TextParser, NeverFailsWithoutAPlace) {
  const std::string good =
      "listeners [{ name: 'a' filter_chains { filters { config { [http_filters/tag]: { name: "
      "\"x\" } } } } }] runtime < workers: 0x1f log { level: LEVEL_INFO } >";
  const auto registry = fakeRegistry();
  const auto check = [&](const std::string& text) {
    Diagnostics diagnostics;
    ParsedFile file("t", diagnostics);
    v1::Config config;
    const bool structure = parseText(text, *registry, file, config);
    EXPECT_TRUE(structure || !diagnostics.ok()) << text;
    for (const Diagnostic& diagnostic : diagnostics.list()) {
      EXPECT_GE(diagnostic.line, 1) << text;
      EXPECT_GE(diagnostic.column, 1) << text;
      EXPECT_FALSE(diagnostic.what.empty()) << text;
    }
  };
  for (size_t i = 0; i < good.size(); ++i) {
    check(good.substr(0, i));
    for (const char damage :
         {'{', '}', '[', ']', '"', ':', '#', '-', ' ', '\0', '\xff', '<', '9'}) {
      std::string bad = good;
      bad[i] = damage;
      check(bad);
    }
  }
}

}  // namespace
}  // namespace weir::config
