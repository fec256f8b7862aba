#include "test/extensions/http_filters/grpc_json_transcoder/descriptor_sets.h"

#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/text_format.h>

#include <filesystem>
#include <utility>

#include "gtest/gtest.h"

#include "test/support/child_process.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

namespace pb = google::protobuf;

constexpr std::string_view kAnnotations = R"(
syntax = "proto3";
package google.api;
import "google/api/http.proto";
import "google/protobuf/descriptor.proto";
extend google.protobuf.MethodOptions { HttpRule http = 72295728; }
)";
constexpr std::string_view kHttp = R"(
syntax = "proto3";
package google.api;
message HttpRule {
  string selector = 1;
  oneof pattern {
    string get = 2;
    string put = 3;
    string post = 4;
    string delete = 5;
    string patch = 6;
    CustomHttpPattern custom = 8;
  }
  string body = 7;
  string response_body = 12;
  repeated HttpRule additional_bindings = 11;
}
message CustomHttpPattern { string kind = 1; string path = 2; }
)";
constexpr std::string_view kHttpBody = R"(
syntax = "proto3";
package google.api;
import "google/protobuf/any.proto";
message HttpBody {
  string content_type = 1;
  bytes data = 2;
  repeated google.protobuf.Any extensions = 3;
}
)";

}  // namespace

std::string descriptorSet(std::string_view proto) {
  const test::TemporaryFolder folder;
  std::filesystem::create_directories(folder.file("google/api"));
  folder.write("google/api/annotations.proto", kAnnotations);
  folder.write("google/api/http.proto", kHttp);
  folder.write("google/api/httpbody.proto", kHttpBody);
  folder.write("test.proto", proto);
  const std::string out = folder.file("set");
  const test::Finished protoc =
      test::runToEnd({"protoc", "-I" + folder.path(), "-I/usr/include", "--include_imports",
                      "--descriptor_set_out=" + out, "test.proto"});
  EXPECT_EQ(protoc.code, 0) << protoc.err;
  return test::readFile(out);
}

std::string_view shelvesProto() {
  return R"(
syntax = "proto3";
package shop;
import "google/api/annotations.proto";
import "google/api/httpbody.proto";
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

enum Kind { NOVEL = 0; COMIC = 1; MAP = 2; }
message Author { string first_name = 1; string last_name = 2; Author teacher = 3; }
message Book {
  string name = 1;
  string title = 2;
  int32 pages = 3;
  Kind kind = 4;
  repeated string tags = 5;
  Author author = 6;
  google.protobuf.Timestamp printed = 7;
  map<string, int32> stock = 8;
  bytes cover = 9;
  double price = 10;
  int64 isbn = 11;
  bool lent = 12;
  google.protobuf.Int32Value rating = 13;
  google.protobuf.FieldMask mask = 14;
  google.protobuf.Duration loan = 15;
  google.protobuf.Struct notes = 16;
  repeated Kind kinds = 17;
  string odd = 18 [json_name = "very-odd"];
  oneof place { string shelf = 19; uint32 box = 20; }
  google.protobuf.Any extra = 21;
  repeated Book series = 22;
  repeated google.protobuf.Timestamp dates = 23;
}
message BookRequest { string name = 1; string id = 2; Book book = 3; bool full = 4; int32 part = 5; }
message Count { int32 count = 1; }
message Titles { repeated string titles = 1; Book best = 2; int32 count = 3; google.protobuf.Timestamp at = 4; }
message Files { string name = 1; google.api.HttpBody file = 2; }
service Shelves {
  rpc GetBook(BookRequest) returns (Book) {
    option (google.api.http) = {
      get: "/v1/{name=shelves/*/books/*}"
      additional_bindings { get: "/v1/books/{id}" }
      additional_bindings { custom { kind: "FETCH" path: "/v1/any/{id}" } }
      additional_bindings { custom { kind: "*" path: "/v1/star/{id}" } }
      additional_bindings { get: "/v1/rest/{name=**}" }
    };
  }
  rpc ListBooks(BookRequest) returns (stream Book) {
    option (google.api.http) = { get: "/v1/{name=shelves/*}/books" };
  }
  rpc CreateBook(BookRequest) returns (Book) {
    option (google.api.http) = { post: "/v1/{name=shelves/*}/books" body: "book" };
  }
  rpc UpdateBook(BookRequest) returns (Book) {
    option (google.api.http) = {
      patch: "/v1/{book.name=shelves/*/books/*}" body: "book"
      additional_bindings { put: "/v1/titles/{book.title}" body: "book" response_body: "title" }
    };
  }
  rpc MoveBook(BookRequest) returns (Count) {
    option (google.api.http) = { post: "/v1/{name=shelves/*/books/*}:move" body: "*" };
  }
  rpc DeleteBook(BookRequest) returns (Count) {
    option (google.api.http) = { delete: "/v1/{name=shelves/*/books/*}" };
  }
  rpc ListTitles(Book) returns (Titles) {
    option (google.api.http) = {
      get: "/v1/titles" response_body: "titles"
      additional_bindings { get: "/v1/titles:best" response_body: "best" }
      additional_bindings { get: "/v1/titles:count" response_body: "count" }
      additional_bindings { get: "/v1/titles:at" response_body: "at" }
      additional_bindings { post: "/v1/tags" body: "tags" }
      additional_bindings { post: "/v1/pages" body: "pages" }
    };
  }
  rpc AddBooks(stream Book) returns (Count) {
    option (google.api.http) = {
      post: "/v1/books:add" body: "*"
      additional_bindings { post: "/v1/shelves/{shelf}:add" body: "*" }
      additional_bindings { get: "/v1/shelves/{shelf}:one" }
    };
  }
  rpc Chat(stream Book) returns (stream Book) {
    option (google.api.http) = { post: "/v1/chat" body: "*" };
  }
  rpc Download(BookRequest) returns (google.api.HttpBody) {
    option (google.api.http) = { get: "/v1/files/{id}" };
  }
  rpc DownloadParts(BookRequest) returns (stream google.api.HttpBody) {
    option (google.api.http) = { get: "/v1/parts/{id}" };
  }
  rpc Upload(Files) returns (Files) {
    option (google.api.http) = { put: "/v1/files/{name}" body: "file" response_body: "file" };
  }
  rpc UploadParts(stream google.api.HttpBody) returns (Count) {
    option (google.api.http) = { put: "/v1/parts" body: "*" };
  }
  rpc Unbound(Book) returns (Book);
}
)";
}

namespace {

std::unique_ptr<pb::Message> newMessage(pb::DynamicMessageFactory& factory,
                                        const MessageTypes& types, std::string_view type) {
  const pb::Descriptor* descriptor = types.pool().FindMessageTypeByName(std::string(type));
  EXPECT_NE(descriptor, nullptr) << type;
  return std::unique_ptr<pb::Message>(factory.GetPrototype(descriptor)->New());
}

}  // namespace

std::string textOf(const MessageTypes& types, std::string_view type, std::string_view binary) {
  pb::DynamicMessageFactory factory;
  const auto message = newMessage(factory, types, type);
  if (!message->ParseFromArray(binary.data(), static_cast<int>(binary.size()))) return "malformed";
  pb::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(*message, &text);
  if (!text.empty()) text.pop_back();
  return text;
}

std::string binaryOf(const MessageTypes& types, std::string_view type, std::string_view text) {
  pb::DynamicMessageFactory factory;
  const auto message = newMessage(factory, types, type);
  EXPECT_TRUE(pb::TextFormat::ParseFromString(std::string(text), message.get())) << text;
  return message->SerializeAsString();
}

std::shared_ptr<const Transcoding> shelves(const Options& options) {
  static const std::string kSet = descriptorSet(shelvesProto());
  auto types = MessageTypes::load(kSet);
  EXPECT_TRUE(types.ok()) << types.status();
  auto transcoding = std::make_shared<Transcoding>(*std::move(types), options);
  const absl::Status status = transcoding->addService("shop.Shelves");
  EXPECT_TRUE(status.ok()) << status;
  return transcoding;
}

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
