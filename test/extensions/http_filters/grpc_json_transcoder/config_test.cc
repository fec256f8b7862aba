#include "extensions/http_filters/grpc_json_transcoder/config.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <string>

#include "source/base/concat.h"
#include "test/extensions/http_filters/common/findings.h"
#include "test/extensions/http_filters/grpc_json_transcoder/descriptor_sets.h"
#include "test/support/child_process.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

using ::testing::HasSubstr;

class GrpcJsonTranscoderConfig : public ::testing::Test {
 protected:
  // The findings for a file whose filter has these fields, without the folder; "" when it is
  // right. The fields' first line is line 7.
  std::string findings(const std::string& fields) {
    stats::Store stats;
    const std::string filter =
        base::concat("[http_filters/grpc_json_transcoder] {\n", fields, "\n}");
    std::string found =
        http_filters::findings({.filter = filter, .name = folder_.file("test.textproto")}, stats);
    for (size_t at; (at = found.find(folder_.path() + "/")) != std::string::npos;) {
      found.erase(at, folder_.path().size() + 1);
    }
    constexpr std::string_view kPath =
        "listeners[0].filter_chains[0].filters[0].config.http_filters[0].config.";
    for (size_t at; (at = found.find(kPath)) != std::string::npos;) found.erase(at, kPath.size());
    return found;
  }
  // With a service "t.S" whose one method has this option, on a message with fields of all kinds.
  std::string findingsForRule(const std::string& rule) {
    return findingsForProto("rpc Call(M) returns (M) { option (google.api.http) = { " + rule +
                            " }; }");
  }
  std::string findingsForProto(const std::string& methods) {
    folder_.write("set", descriptorSet(base::concat(R"(
        syntax = "proto3"; package t;
        import "google/api/annotations.proto";
        message M { string a = 1; repeated string b = 2; M m = 3; map<string, string> c = 4; }
        service S { )",
                                                    methods, " }")));
    return findings("descriptor_set: \"set\"\nservices: \"t.S\"");
  }

  const test::TemporaryFolder folder_;
};

constexpr std::string_view kService = "test.textproto:8:11: services[0]: ";

TEST_F(GrpcJsonTranscoderConfig, TakesAllThereIs) {
  folder_.write("set", descriptorSet(shelvesProto()));
  EXPECT_EQ(findings("descriptor_set: \"set\" services: \"shop.Shelves\""), "");
  EXPECT_EQ(findings(R"(descriptor_set: "set" services: "shop.Shelves"
      print { add_whitespace: true always_print_primitive_fields: true
              always_print_enums_as_ints: true preserve_proto_field_names: true
              stream_format: STREAM_FORMAT_SERVER_SENT_EVENTS }
      auto_mapping: true ignore_unknown_query_parameters: true ignored_query_parameters: "key"
      plus_is_space: true ignore_unknown_fields: true case_insensitive_enums: true
      convert_grpc_status: true refuse_unmatched_requests: true match_incoming_request_route: true
      max_request_message_bytes: 1024 max_response_message_bytes: 67108864)"),
            "");
}

TEST_F(GrpcJsonTranscoderConfig, FilesThatAreWrong) {
  EXPECT_EQ(findings("services: \"a.B\""),
            "test.textproto:6:29: descriptor_set: is required; name a file\n");
  EXPECT_THAT(findings("descriptor_set: \"none\" services: \"a.B\""),
              HasSubstr("test.textproto:7:17: descriptor_set: cannot read \"none\""));
  folder_.write("text", "syntax = \"proto3\";");
  EXPECT_EQ(
      findings("descriptor_set: \"text\" services: \"a.B\""),
      "test.textproto:7:17: descriptor_set: \"text\": is no google.protobuf.FileDescriptorSet; "
      "make one with `protoc --include_imports --descriptor_set_out=FILE`\n");
  folder_.write("empty", "");
  EXPECT_THAT(findings("descriptor_set: \"empty\" services: \"a.B\""),
              HasSubstr("is no google.protobuf.FileDescriptorSet"));
  folder_.write("set", descriptorSet(shelvesProto()));
  const std::string whole = test::readFile(folder_.file("set"));
  folder_.write("half", whole.substr(0, whole.size() / 2));
  EXPECT_THAT(findings("descriptor_set: \"half\" services: \"a.B\""),
              HasSubstr("is no google.protobuf.FileDescriptorSet"));
}

TEST_F(GrpcJsonTranscoderConfig, ASetWithoutImportsSaysHowToMakeIt) {
  google::protobuf::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(descriptorSet(shelvesProto())));
  google::protobuf::FileDescriptorSet alone;
  *alone.add_file() = set.file(set.file_size() - 1);
  folder_.write("set", alone.SerializeAsString());
  const std::string found = findings("descriptor_set: \"set\" services: \"shop.Shelves\"");
  EXPECT_THAT(found, HasSubstr("test.textproto:7:17: descriptor_set: \"set\": test.proto: "
                               "google/api/annotations.proto: Import"));
  EXPECT_THAT(found, HasSubstr("make the set with `protoc --include_imports`"));
}

TEST_F(GrpcJsonTranscoderConfig, DescriptorsThatAreWrong) {
  google::protobuf::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(descriptorSet(shelvesProto())));
  auto& file = *set.mutable_file(set.file_size() - 1);
  file.mutable_message_type(0)->mutable_field(0)->set_type_name("Nothing");
  file.mutable_message_type(0)->mutable_field(0)->set_type(
      google::protobuf::FieldDescriptorProto::TYPE_MESSAGE);
  folder_.write("set", set.SerializeAsString());
  EXPECT_THAT(findings("descriptor_set: \"set\" services: \"shop.Shelves\""),
              HasSubstr("\"Nothing\" is not defined"));
}

TEST_F(GrpcJsonTranscoderConfig, ServicesThatAreWrong) {
  folder_.write("set", descriptorSet(shelvesProto()));
  EXPECT_EQ(findings("descriptor_set: \"set\""),
            "test.textproto:6:29: services: is required; name a service with its package\n");
  EXPECT_EQ(findings("descriptor_set: \"set\"\nservices: \"shop.Shelfs\""),
            base::concat(kService,
                         "the descriptor set has no service \"shop.Shelfs\"; did you mean "
                         "\"shop.Shelves\"?\n"));
  EXPECT_EQ(findings("descriptor_set: \"set\"\nservices: \"\""),
            base::concat(kService, "is required; name a service with its package\n"));
  EXPECT_THAT(findings("descriptor_set: \"set\"\nservices: [\"shop.Shelves\", \"shop.Shelves\"]"),
              HasSubstr("services[1]: there is another service \"shop.Shelves\""));
  folder_.write("none", descriptorSet("syntax = \"proto3\"; message M {}"));
  EXPECT_EQ(
      findings("descriptor_set: \"none\"\nservices: \"a.B\""),
      base::concat(kService, "the descriptor set has no service \"a.B\"; it has none at all\n"));
}

TEST_F(GrpcJsonTranscoderConfig, RulesThatAreWrong) {
  const auto expect = [&](const std::string& rule, std::string_view what) {
    EXPECT_EQ(findingsForRule(rule), base::concat(kService, "method Call: ", what, "\n")) << rule;
  };
  expect("get: \"v1\"", R"(GET "v1": column 1: does not begin with "/"; write "/v1/...")");
  expect("post: \"/v1/{a\"", R"(POST "/v1/{a": column 7: a variable is not closed; write "}")");
  expect("get: \"/{x}\"", R"(GET "/{x}": variable "x": message t.M has no field "x"; name one of )"
                          "its fields");
  expect("get: \"/{m}\"",
         R"(GET "/{m}": variable "m": field "m" of t.M is a message; name a field )"
         "in it, or give it in the body");
  expect("get: \"/{c}\"",
         R"(GET "/{c}": variable "c": field "c" of t.M is a message; name a field )"
         "in it, or give it in the body");
  expect("get: \"/{b}\"", R"(GET "/{b}": variable "b": the field is repeated; name one that has a )"
                          "single value");
  expect("post: \"/a\" body: \"x\"",
         R"(POST "/a": body: message t.M has no field "x"; name one of )"
         R"(its own fields, or "*")");
  expect("post: \"/a\" body: \"m.a\"",
         R"(POST "/a": body: message t.M has no field "m.a"; name one )"
         R"(of its own fields, or "*")");
  expect("get: \"/a\" response_body: \"x\"", R"(GET "/a": response_body: message t.M has no field )"
                                             R"("x"; name one of its own fields)");
  expect("body: \"*\"",
         "its option (google.api.http) has no pattern; write get, put, post, "
         "delete, patch or custom");
  expect("custom { kind: \"A B\" path: \"/\" }",
         "the kind of its custom pattern is no HTTP method; write a token such as \"HEAD\"");
  expect("get: \"/{a}\" additional_bindings { get: \"/*\" }",
         R"(GET "/*": matches the same requests as a binding of t.S.Call; give one another path)");
  expect("get: \"/a\" additional_bindings { get: \"/b\" additional_bindings { get: \"/c\" } }",
         "an additional binding has additional bindings; list them one level up");
}

TEST_F(GrpcJsonTranscoderConfig, TwoMethodsForTheSameRequests) {
  EXPECT_EQ(findingsForProto(R"(
      rpc One(M) returns (M) { option (google.api.http) = { get: "/{a=x/*}:v" }; }
      rpc Two(M) returns (M) { option (google.api.http) = { get: "/x/{m.a}:v" }; })"),
            base::concat(kService,
                         "method Two: GET \"/x/{m.a}:v\": matches the same requests as a "
                         "binding of t.S.One; give one another path\n"));
  EXPECT_EQ(findingsForProto(R"(
      rpc One(M) returns (M) { option (google.api.http) = { get: "/x" }; }
      rpc Two(M) returns (M) { option (google.api.http) = { put: "/x" }; })"),
            "");
}

TEST_F(GrpcJsonTranscoderConfig, ADamagedOption) {
  google::protobuf::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(descriptorSet(shelvesProto())));
  auto& method = *set.mutable_file(set.file_size() - 1)->mutable_service(0)->mutable_method(0);
  auto* unknown =
      method.mutable_options()->GetReflection()->MutableUnknownFields(method.mutable_options());
  unknown->AddLengthDelimited(72295728, "\x0a\x7f");
  folder_.write("set", set.SerializeAsString());
  EXPECT_EQ(findings("descriptor_set: \"set\"\nservices: \"shop.Shelves\""),
            base::concat(kService,
                         "method GetBook: its option (google.api.http) is damaged; compile "
                         "the descriptor set again with protoc\n"));
}

TEST_F(GrpcJsonTranscoderConfig, LimitsOutOfRange) {
  folder_.write("set", descriptorSet(shelvesProto()));
  EXPECT_THAT(findings("descriptor_set: \"set\" services: \"shop.Shelves\"\n"
                       "max_request_message_bytes: 1000\nmax_response_message_bytes: 67108865"),
              testing::AllOf(HasSubstr("test.textproto:8:28: max_request_message_bytes: "),
                             HasSubstr("test.textproto:9:29: max_response_message_bytes: ")));
}

// Bytes of a set that are damaged anywhere: an error or none, and nothing worse.
TEST_F(GrpcJsonTranscoderConfig, DamagedSets) {
  const std::string set = descriptorSet(shelvesProto());
  for (size_t i = 0; i < set.size(); i += 31) {
    std::string bytes = set;
    bytes[i] = static_cast<char>(bytes[i] ^ (1 << (i % 8)));
    auto types = MessageTypes::load(bytes);
    if (!types.ok()) continue;
    Transcoding transcoding(*std::move(types), {});
    (void)transcoding.addService("shop.Shelves");
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_json_transcoder
