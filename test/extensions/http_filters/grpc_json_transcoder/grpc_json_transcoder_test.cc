#include "extensions/http_filters/grpc_json_transcoder/grpc_json_transcoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "test/extensions/http_filters/grpc_json_transcoder/exchange.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

using http::BodyFraming;
using ::testing::HasSubstr;

TEST(Transcoder, GetBecomesACall) {
  Exchange x;
  x.request.headers.add("Content-Length", "0");
  x.request.headers.add("X-Kept", "1");
  x.ask("GET", "/v1/shelves/1/books/2?full=true");
  EXPECT_EQ(x.line(), "POST example.com /shop.Shelves/GetBook");
  EXPECT_EQ(x.seen().headers,
            "X-Kept: 1\nx-envoy-original-method: GET\n"
            "x-envoy-original-path: /v1/shelves/1/books/2?full=true\n"
            "content-type: application/grpc\nte: trailers\n");
  EXPECT_THAT(x.messages("shop.BookRequest"),
              testing::ElementsAre("name: \"shelves/1/books/2\" full: true"));
  EXPECT_TRUE(x.seen().complete);
  EXPECT_EQ(x.request.framing, BodyFraming::kChunked);
}

TEST(Transcoder, BodiesAreCollected) {
  Exchange x;
  x.request.headers.add("content-type", "application/json");
  x.request.headers.add("grpc-accept-encoding", "gzip");
  x.begin("POST", "/v1/shelves/1/books", false);
  x.sendBody("{\"tit", false);
  EXPECT_TRUE(x.terminal_script.requests.at(0).line.empty());
  x.sendBody("le\":\"T\"}", true);
  EXPECT_THAT(x.messages("shop.BookRequest"),
              testing::ElementsAre("name: \"shelves/1\" book { title: \"T\" }"));
  EXPECT_THAT(x.seen().headers, testing::Not(HasSubstr("gzip")));
  EXPECT_THAT(x.seen().headers, HasSubstr("content-type: application/grpc\n"));
  EXPECT_TRUE(x.seen().complete);
}

TEST(Transcoder, TrailersOfRequestsEndTheBody) {
  Exchange x;
  x.begin("POST", "/v1/shelves/1/books", false);
  x.sendBody("{}", false);
  x.request_trailers.add("sum", "1");
  x.chain.requestTrailers();
  EXPECT_EQ(x.messages("shop.BookRequest").size(), 1u);
  EXPECT_TRUE(x.seen().complete);
  EXPECT_EQ(x.seen().trailers, "");

  Exchange stream;
  stream.begin("POST", "/v1/chat", false);
  stream.sendBody("[{},{}", false);
  stream.sendBody("]", false);
  stream.request_trailers.add("sum", "1");
  stream.chain.requestTrailers();
  EXPECT_EQ(stream.messages("shop.Book").size(), 2u);
  EXPECT_TRUE(stream.seen().complete);
  EXPECT_EQ(stream.seen().trailers, "");
}

TEST(Transcoder, WhatIsNotOursPassesUnchanged) {
  struct Case {
    std::string_view method, path, type, upgrade;
  };
  for (const Case& c :
       {Case{"GET", "/other", "", ""}, Case{"POST", "/v1/chat", "application/grpc", ""},
        Case{"POST", "/v1/chat", "application/grpc+proto", ""},
        Case{"POST", "/v1/chat", "application/grpc-web-text", ""},
        Case{"GET", "/v1/books/1", "", "websocket"}}) {
    Exchange x;
    x.request.upgrade = c.upgrade;
    if (!c.type.empty()) x.request.headers.add("content-type", c.type);
    x.ask(c.method, c.path, {"a", "b"});
    EXPECT_EQ(x.line(), base::concat(c.method, " example.com ", c.path));
    EXPECT_EQ(x.seen().body, "ab");
    x.grpcHead();
    EXPECT_TRUE(x.chain.responseBodyUnobserved());
    x.terminal->send("frame", false);
    x.status("5", "gone");
    EXPECT_EQ(x.sink.status, 200);
    EXPECT_EQ(x.sink.body, "frame");
    EXPECT_TRUE(x.sink.trailers);
    EXPECT_EQ(x.header("content-type"), "application/grpc+proto");
  }
}

TEST(Transcoder, UnmatchedRequestsCanBeRefused) {
  Exchange x({.refuse_unmatched = true});
  x.ask("GET", "/other");
  EXPECT_EQ(x.sink.status, 404);
  EXPECT_EQ(x.sink.body, "no gRPC method is bound to this path\n");
  Exchange other({.refuse_unmatched = true});
  other.ask("PUT", "/v1/shelves/1/books/2", {"{}"});
  EXPECT_EQ(other.sink.status, 404);
  EXPECT_EQ(other.sink.body, "this path is bound to gRPC methods with DELETE, GET, PATCH\n");
  Exchange grpc({.refuse_unmatched = true});
  grpc.request.headers.add("content-type", "application/grpc");
  grpc.ask("POST", "/shop.Shelves/GetBook", {"x"});
  EXPECT_EQ(grpc.seen().body, "x");
}

TEST(Transcoder, WrongRequestsAreRefusedBeforeTheUpstreamHearsOfThem) {
  struct Case {
    std::string_view path, body, expected;
  };
  for (const Case& c :
       {Case{"/v1/shelves/1/books?color=1", "{}", "query: parameter \"color\""},
        Case{"/v1/shelves/1/books", "{\"pages\":\"x\"}", "body: (book.pages): invalid value"},
        Case{"/v1/shelves/1/books", "{", "body: it is not one JSON value"},
        Case{"/v1/shelves/1/books:move", "{}", ""}}) {
    Exchange x;
    x.ask("POST", c.path, {std::string(c.body)});
    if (c.expected.empty()) {
      EXPECT_EQ(x.line(), "POST example.com /v1/shelves/1/books:move");
      continue;
    }
    EXPECT_EQ(x.sink.status, 400) << c.path;
    EXPECT_THAT(x.sink.body, HasSubstr(c.expected));
    EXPECT_TRUE(x.seen().line.empty());
    EXPECT_EQ(x.header("content-type"), "text/plain");
    EXPECT_EQ(x.info.detail, "grpc_json_transcoder_bad_request");
  }
}

TEST(Transcoder, RefusalsCanBeJson) {
  Exchange x({.convert_grpc_status = true});
  x.ask("POST", "/v1/pages", {"x"});
  EXPECT_EQ(x.sink.status, 400);
  EXPECT_EQ(x.header("content-type"), "application/json");
  EXPECT_THAT(x.sink.body, testing::StartsWith("{\"code\":3,\"message\":\"body: "));
}

TEST(Transcoder, CompressedBodiesAreRefused) {
  Exchange x;
  x.request.headers.add("content-encoding", "gzip");
  x.ask("POST", "/v1/pages", {"x"});
  EXPECT_EQ(x.sink.status, 415);
  Exchange identity;
  identity.request.headers.add("content-encoding", "identity");
  identity.ask("POST", "/v1/pages", {"1"});
  EXPECT_EQ(identity.messages("shop.Book").size(), 1u);
}

TEST(Transcoder, LargeBodiesAreRefused) {
  Exchange x({.max_request_message_bytes = 1024});
  x.ask("POST", "/v1/tags", {"[\"" + std::string(1024, 'x'), "\"]"});
  EXPECT_EQ(x.sink.status, 413);
  Exchange stream({.max_request_message_bytes = 1024});
  stream.begin("POST", "/v1/chat", false);
  stream.sendBody("{\"title\":\"" + std::string(1024, 'x'), false);
  EXPECT_EQ(stream.sink.status, 413);
  EXPECT_EQ(stream.sink.body, "message 1 of the body is too large\n");
  // Of a stream only single messages are bounded.
  Exchange many({.max_request_message_bytes = 1024});
  many.begin("POST", "/v1/chat", false);
  const std::string line = "{\"title\":\"" + std::string(1000, 'x') + "\"}\n";
  for (int i = 0; i < 50; ++i) many.sendBody(line, i == 49);
  EXPECT_EQ(many.messages("shop.Book").size(), 50u);
}

TEST(Transcoder, MessagesOfTheClientGoOnAsTheyCome) {
  Exchange x;
  x.begin("POST", "/v1/shelves/7:add", false);
  EXPECT_EQ(x.line(), "POST example.com /shop.Shelves/AddBooks");
  x.sendBody("[{\"title\":\"a\"},{\"ti", false);
  EXPECT_THAT(x.messages("shop.Book"), testing::ElementsAre("title: \"a\" shelf: \"7\""));
  x.sendBody("tle\":\"b\"}]", true);
  EXPECT_THAT(x.messages("shop.Book"),
              testing::ElementsAre("title: \"a\" shelf: \"7\"", "title: \"b\""));
  EXPECT_TRUE(x.seen().complete);
}

TEST(Transcoder, StreamsWithoutBody) {
  Exchange none;
  none.ask("POST", "/v1/chat");
  EXPECT_TRUE(none.seen().complete);
  EXPECT_EQ(none.seen().body, "");
  Exchange one;
  one.ask("GET", "/v1/shelves/7:one");
  EXPECT_THAT(one.messages("shop.Book"), testing::ElementsAre("shelf: \"7\""));
  Exchange empty;
  empty.ask("POST", "/v1/chat", {"[", "]"});
  EXPECT_TRUE(empty.seen().complete);
  EXPECT_EQ(empty.seen().body, "");
}

TEST(Transcoder, AStreamThatGoesWrongEndsTheCall) {
  Exchange x;
  x.begin("POST", "/v1/chat", false);
  x.sendBody("{}\n{\"pages\":\"x\"}\n", false);
  EXPECT_EQ(x.sink.status, 400);
  EXPECT_THAT(x.sink.body, HasSubstr("message 2: body: (pages): invalid value"));
  EXPECT_TRUE(x.seen().ended);
  Exchange malformed;
  malformed.begin("POST", "/v1/chat", false);
  malformed.sendBody("[{}", false);
  malformed.sendBody(" {}", false);
  EXPECT_EQ(malformed.sink.status, 400);
  EXPECT_THAT(malformed.sink.body, HasSubstr("body: byte 4: expected \",\" or \"]\""));
  // The answer has begun: there is no other way to tell.
  Exchange late;
  late.begin("POST", "/v1/chat", false);
  late.grpcHead();
  late.message("shop.Book", "title: \"a\"");
  late.sendBody("}", false);
  EXPECT_EQ(late.sink.resets, 1);
}

TEST(Transcoder, RawBodiesOfClients) {
  Exchange x;
  x.request.headers.add("content-type", "image/png");
  x.ask("PUT", "/v1/files/a", {"\x89P", "NG"});
  EXPECT_THAT(x.messages("shop.Files"),
              testing::ElementsAre("name: \"a\" file { content_type: \"image/png\" data: "
                                   "\"\\211PNG\" }"));
  Exchange parts;
  parts.request.headers.add("content-type", "image/png");
  parts.ask("PUT", "/v1/parts", {"a", "", "b"});
  EXPECT_THAT(parts.messages("google.api.HttpBody"),
              testing::ElementsAre("content_type: \"image/png\" data: \"a\"",
                                   "content_type: \"image/png\" data: \"b\""));
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_json_transcoder
