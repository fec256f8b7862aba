#include "extensions/http_filters/grpc_json_transcoder/transcoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "source/base/concat.h"
#include "test/extensions/http_filters/grpc_json_transcoder/descriptor_sets.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

using ::testing::HasSubstr;

struct Request {
  std::string_view method;
  std::string_view target;
  std::string_view body = {};
};

// The call that `request` is: "GetBook name: \"x\"", or "400: why", or "none".
std::string callOf(const Transcoding& transcoding, const Request& request) {
  const size_t question = std::min(request.target.find('?'), request.target.size());
  const std::string_view path = request.target.substr(0, question);
  const std::string_view query =
      request.target.substr(std::min(question + 1, request.target.size()));
  const Binding* binding = transcoding.match(request.method, path);
  if (binding == nullptr) return "none";
  const auto parameters = transcoding.parameters(*binding, path, query);
  if (!parameters.ok()) return base::concat("400: ", base::view(parameters.status().message()));
  std::string message;
  const absl::Status status = transcoding.requestMessage(*binding, request.body, "text/x", message);
  if (!status.ok()) return base::concat("400: ", base::view(status.message()));
  message += *parameters;
  const std::string& name = binding->method->name;
  const std::string text =
      textOf(transcoding.types(), binding->method->request->full_name(), message);
  return base::concat(name.substr(name.rfind('.') + 1), text.empty() ? "" : " ", text);
}

class TranscodingTest : public ::testing::Test {
 protected:
  std::string call(std::string_view method, std::string_view target, std::string_view body = {}) {
    return callOf(*shelves_, {method, target, body});
  }
  void use(const Options& options) { shelves_ = shelves(options); }

  std::shared_ptr<const Transcoding> shelves_ = shelves();
};

TEST_F(TranscodingTest, PathsGiveFields) {
  EXPECT_EQ(call("GET", "/v1/shelves/1/books/2"), "GetBook name: \"shelves/1/books/2\"");
  EXPECT_EQ(call("GET", "/v1/books/2"), "GetBook id: \"2\"");
  EXPECT_EQ(call("FETCH", "/v1/any/2"), "GetBook id: \"2\"");
  EXPECT_EQ(call("POST", "/v1/star/2"), "GetBook id: \"2\"");
  EXPECT_EQ(call("BREW", "/v1/star/2"), "GetBook id: \"2\"");
  EXPECT_EQ(call("GET", "/v1/rest"), "GetBook");
  EXPECT_EQ(call("GET", "/v1/rest/"), "GetBook");
  EXPECT_EQ(call("GET", "/v1/rest/a/b/"), "GetBook name: \"a/b/\"");
  EXPECT_EQ(call("DELETE", "/v1/shelves/1/books/2"), "DeleteBook name: \"shelves/1/books/2\"");
  EXPECT_EQ(call("GET", "/v1/shelves/1/books/2/"), "none");
  EXPECT_EQ(call("GET", "/v1/shelves//books/2"), "none");
  EXPECT_EQ(call("HEAD", "/v1/books/2"), "none");
  EXPECT_EQ(call("POST", "/v1/books/2"), "none");
  EXPECT_EQ(call("GET", "*"), "none");
  EXPECT_EQ(call("GET", ""), "none");
}

TEST_F(TranscodingTest, VerbsAreForTheirTemplates) {
  EXPECT_EQ(call("POST", "/v1/shelves/1/books/2:move", "{}"),
            "MoveBook name: \"shelves/1/books/2\"");
  EXPECT_EQ(call("GET", "/v1/books/2:move"), "GetBook id: \"2:move\"");
  EXPECT_EQ(call("GET", "/v1/books/a:b:c"), "GetBook id: \"a:b:c\"");
  EXPECT_EQ(call("POST", "/v1/shelves/1/books/2:steal", "{}"), "none");
}

TEST_F(TranscodingTest, EscapesInPaths) {
  EXPECT_EQ(call("GET", "/v1/books/a%2Fb%20c"), "GetBook id: \"a/b c\"");
  EXPECT_EQ(call("GET", "/v1/books/a+b"), "GetBook id: \"a+b\"");
  EXPECT_EQ(call("GET", "/v1/books/%C3%BC"), "GetBook id: \"\\303\\274\"");
  // Of several segments: an escaped slash is no border.
  EXPECT_EQ(call("GET", "/v1/shelves/a%2fb/books/c%20d"),
            "GetBook name: \"shelves/a%2fb/books/c d\"");
  EXPECT_EQ(call("GET", "/v1/rest/a%2Fb"), "GetBook name: \"a%2Fb\"");
  EXPECT_EQ(call("GET", "/v1/books/%ff"),
            "400: path: \"id\" has a malformed escape or is not UTF-8");
  EXPECT_EQ(call("GET", "/v1/books/%4"),
            "400: path: \"id\" has a malformed escape or is not UTF-8");
}

TEST_F(TranscodingTest, QueriesGiveFields) {
  EXPECT_EQ(call("GET", "/v1/books/2?full=true&part=7"), "GetBook id: \"2\" full: true part: 7");
  EXPECT_EQ(call("GET", "/v1/books/2?book.author.last_name=B%26B&book.author.firstName=A"),
            "GetBook id: \"2\" book { author { first_name: \"A\" last_name: \"B&B\" } }");
  EXPECT_EQ(call("GET", "/v1/books/2?&&"), "GetBook id: \"2\"");
  EXPECT_EQ(call("GET", "/v1/books/2?name"), "GetBook id: \"2\"");
}

TEST_F(TranscodingTest, QueriesOfEveryType) {
  const auto list = [&](std::string_view query) {
    return call("GET", base::concat("/v1/titles?", query));
  };
  EXPECT_EQ(list("tags=a&tags=&tags=b"), "ListTitles tags: \"a\" tags: \"\" tags: \"b\"");
  EXPECT_EQ(list("kind=COMIC&kinds=MAP&kinds=1&kinds=NOVEL"),
            "ListTitles kind: COMIC kinds: MAP kinds: COMIC kinds: NOVEL");
  EXPECT_EQ(list("isbn=9007199254740993&price=1e3&lent=true"),
            "ListTitles price: 1000 isbn: 9007199254740993 lent: true");
  EXPECT_EQ(list("cover=AQI%3D"), "ListTitles cover: \"\\001\\002\"");
  EXPECT_EQ(list("printed=1970-01-01T00:01:00Z&loan=1.5s"),
            "ListTitles printed { seconds: 60 } loan { seconds: 1 nanos: 500000000 }");
  EXPECT_EQ(
      list("rating=5&mask=title,author.firstName"),
      "ListTitles rating { value: 5 } mask { paths: \"title\" paths: \"author.first_name\" }");
  EXPECT_EQ(list("very-odd=1"), "ListTitles odd: \"1\"");
  EXPECT_EQ(list("odd=1"), "ListTitles odd: \"1\"");
  EXPECT_EQ(list("box=3"), "ListTitles box: 3");
  EXPECT_EQ(list("dates=1970-01-01T00:00:01Z&dates=1970-01-01T00:00:02Z"),
            "ListTitles dates { seconds: 1 } dates { seconds: 2 }");
}

TEST_F(TranscodingTest, QueriesThatAreWrongSayHow) {
  const auto list = [&](std::string_view query) {
    return call("GET", base::concat("/v1/titles?", query));
  };
  EXPECT_THAT(list("pages=many"), HasSubstr("400: path or query: (pages): invalid value \"many\""));
  EXPECT_THAT(list("kind=POEM"), HasSubstr("400: path or query: (kind): invalid value"));
  EXPECT_EQ(
      list("color=red"),
      "400: query: parameter \"color\": message shop.Book has no field \"color\"; name one of "
      "its fields");
  EXPECT_EQ(list("author=x"),
            "400: query: parameter \"author\": field \"author\" of shop.Book is a message; name a "
            "field in it, or give it in the body");
  EXPECT_THAT(list("stock=x"), HasSubstr("is a message"));
  EXPECT_THAT(list("stock.a=1"), HasSubstr("has no fields to name"));
  EXPECT_THAT(list("series.title=x"), HasSubstr("has no fields to name"));
  EXPECT_THAT(list("printed.seconds=1"), HasSubstr("has no fields to name"));
  EXPECT_THAT(list("title.x=1"), HasSubstr("has no fields to name"));
  EXPECT_THAT(list("=1"), HasSubstr("has no field \"\""));
  EXPECT_THAT(list(".=1"), HasSubstr("has no field \"\""));
  EXPECT_EQ(list("title=a&title=b"),
            "400: query: parameter \"title\": the field has one value already; give it once");
  EXPECT_EQ(list("title=%4"),
            "400: query: parameter \"title\" has a malformed escape or is not UTF-8");
  EXPECT_EQ(list("%zz=1"),
            "400: query: the name of a parameter has a malformed escape or is not UTF-8");
  EXPECT_EQ(call("GET", "/v1/books/2?id=3"),
            "400: query: parameter \"id\": the field has one value already; give it once");
  std::string deep = "author";
  for (int i = 0; i < 40; ++i) deep += ".teacher";
  EXPECT_THAT(list(deep + ".first_name=x"), HasSubstr("nested too deeply"));
}

TEST_F(TranscodingTest, WhatIsNotForFieldsCanBeIgnored) {
  use({.ignored_query_parameters = {"$prettyPrint", "key"}});
  EXPECT_EQ(call("GET", "/v1/books/2?key=1&%24prettyPrint=%zz"), "GetBook id: \"2\"");
  EXPECT_THAT(call("GET", "/v1/books/2?alt=json"), HasSubstr("400"));
  use({.ignore_unknown_query_parameters = true});
  EXPECT_EQ(call("GET", "/v1/books/2?alt=json&book.x=1"), "GetBook id: \"2\"");
  EXPECT_THAT(call("GET", "/v1/books/2?book=1"), HasSubstr("400"));
}

TEST_F(TranscodingTest, PlusIsAPlusOrASpace) {
  EXPECT_EQ(call("GET", "/v1/titles?title=a+b"), "ListTitles title: \"a+b\"");
  use({.plus_is_space = true});
  EXPECT_EQ(call("GET", "/v1/titles?title=a+b%2B"), "ListTitles title: \"a b+\"");
}

TEST_F(TranscodingTest, BodiesAreTheMessageOrAField) {
  EXPECT_EQ(call("POST", "/v1/shelves/1/books/2:move", R"({"part":3,"name":"x","full":true})"),
            "MoveBook name: \"shelves/1/books/2\" full: true part: 3");
  EXPECT_EQ(call("POST", "/v1/shelves/1/books?part=4", R"({"title":"T","pages":"12"})"),
            "CreateBook name: \"shelves/1\" book { title: \"T\" pages: 12 } part: 4");
  EXPECT_EQ(call("PATCH", "/v1/shelves/1/books/2", R"( {"title":"T"} )"),
            "UpdateBook book { name: \"shelves/1/books/2\" title: \"T\" }");
  EXPECT_EQ(call("POST", "/v1/tags?title=x", R"(["a","b"])"),
            "ListTitles title: \"x\" tags: \"a\" tags: \"b\"");
  EXPECT_EQ(call("POST", "/v1/pages", " 7 "), "ListTitles pages: 7");
  EXPECT_EQ(call("POST", "/v1/pages", ""), "ListTitles");
  EXPECT_EQ(call("POST", "/v1/shelves/1/books/2:move", " \n"),
            "MoveBook name: \"shelves/1/books/2\"");
}

TEST_F(TranscodingTest, BodiesThatAreWrongSayHow) {
  const auto move = [&](std::string_view body) {
    return call("POST", "/v1/shelves/1/books/2:move", body);
  };
  EXPECT_THAT(move("{\"part\": }"), HasSubstr("400: body: "));
  EXPECT_THAT(move(R"({"part":"x"})"), HasSubstr("400: body: (part): invalid value \"x\""));
  EXPECT_THAT(move(R"({"book":{"pages":1.5}})"), HasSubstr("(book.pages)"));
  EXPECT_THAT(move(R"({"color":1})"), HasSubstr("400: body: "));
  EXPECT_THAT(move(R"({"color":1})"), HasSubstr("color"));
  EXPECT_THAT(move("{} {}"), HasSubstr("400"));
  EXPECT_THAT(move("[]"), HasSubstr("400"));
  EXPECT_THAT(move("nonsense"), HasSubstr("400"));
  EXPECT_THAT(move("{\"name\":\"\xff\"}"), HasSubstr("400"));
  EXPECT_THAT(call("GET", "/v1/books/2", "{}"), HasSubstr("takes none"));
  // A body cannot reach fields beside its own.
  EXPECT_EQ(call("POST", "/v1/pages", R"(7,"title":"x")"), "400: body: it is not one JSON value");
  EXPECT_EQ(call("POST", "/v1/shelves/1/books", R"({},"full":true,"book":{})"),
            "400: body: it is not one JSON value");
  EXPECT_THAT(call("POST", "/v1/pages", R"("}{")"), HasSubstr("400"));
}

TEST_F(TranscodingTest, UnknownMembersCanBeIgnored) {
  use({.json = {.ignore_unknown_fields = true}});
  EXPECT_EQ(call("POST", "/v1/pages?title=a", "3"), "ListTitles title: \"a\" pages: 3");
  EXPECT_EQ(call("POST", "/v1/shelves/1/books", R"({"color":{"a":[1]},"title":"T"})"),
            "CreateBook name: \"shelves/1\" book { title: \"T\" }");
}

TEST_F(TranscodingTest, EnumsInAnyCase) {
  EXPECT_THAT(call("GET", "/v1/titles?kind=comic"), HasSubstr("400"));
  use({.json = {.case_insensitive_enums = true}});
  EXPECT_EQ(call("GET", "/v1/titles?kind=comic"), "ListTitles kind: COMIC");
}

TEST_F(TranscodingTest, DeepNestingIsRefused) {
  std::string open, close;
  for (int i = 0; i < 100'000; ++i) {
    open += R"({"teacher":)";
    close += "}";
  }
  EXPECT_THAT(call("POST", "/v1/shelves/1/books", R"({"author":)" + open + "{}" + close + "}"),
              HasSubstr("400"));
  open.assign(200'000, '[');
  EXPECT_THAT(call("POST", "/v1/shelves/1/books", R"({"notes":{"a":)" + open), HasSubstr("400"));
  close.assign(200'000, ']');
  EXPECT_THAT(call("POST", "/v1/shelves/1/books", R"({"notes":{"a":)" + open + close + "}}"),
              HasSubstr("400"));
  std::string any = R"({"@type":"type.googleapis.com/shop.Book","extra":)";
  std::string all;
  for (int i = 0; i < 10'000; ++i) all += any;
  EXPECT_THAT(call("POST", "/v1/shelves/1/books", R"({"extra":)" + all), HasSubstr("400"));
}

// "P(b,b,b,...)" stands for P.b as often.
TEST_F(TranscodingTest, FieldMasksDoNotExplode) {
  EXPECT_EQ(call("GET", "/v1/titles?mask=author(firstName,lastName)"),
            "ListTitles mask { paths: \"author.first_name\" paths: \"author.last_name\" }");
  for (const std::string_view open : {"(", "\\u0028"}) {
    std::string bomb = base::concat("{\"mask\":\"", std::string(50'000, 'p'), open);
    for (int i = 0; i < 50'000; ++i) bomb += "b,";
    EXPECT_THAT(call("POST", "/v1/shelves/1/books", bomb + "b)\"}"), HasSubstr("4 MiB of paths"));
    std::string nested = "{\"mask\":\"";
    for (int i = 0; i < 20'000; ++i) nested += base::concat("a", open, "b,");
    EXPECT_THAT(call("POST", "/v1/shelves/1/books", nested + "\"}"), HasSubstr("4 MiB of paths"));
  }
  std::string text = "{\"title\":\"";
  for (int i = 0; i < 20'000; ++i) text += "words (more, and, more), ";
  EXPECT_THAT(call("POST", "/v1/shelves/1/books", text + "\"}"), HasSubstr("CreateBook"));
}

TEST_F(TranscodingTest, RawBodiesGoInAnHttpBody) {
  EXPECT_EQ(call("PUT", "/v1/files/a", "\x01{"),
            "Upload name: \"a\" file { content_type: \"text/x\" data: \"\\001{\" }");
  EXPECT_EQ(call("PUT", "/v1/parts", "x"), "UploadParts content_type: \"text/x\" data: \"x\"");
}

TEST_F(TranscodingTest, MethodsWithoutOptionNeedAutoMapping) {
  EXPECT_EQ(call("POST", "/shop.Shelves/Unbound", "{}"), "none");
  use({.auto_mapping = true});
  EXPECT_EQ(call("POST", "/shop.Shelves/Unbound", R"({"title":"T"})"), "Unbound title: \"T\"");
  EXPECT_EQ(call("GET", "/shop.Shelves/Unbound"), "none");
  EXPECT_EQ(call("POST", "/shop.Shelves/GetBook", "{}"), "none");
}

TEST_F(TranscodingTest, AllowedMethods) {
  EXPECT_EQ(shelves_->allowedMethods("/v1/shelves/1/books/2"), "DELETE, GET, PATCH");
  EXPECT_EQ(shelves_->allowedMethods("/v2"), "");
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_json_transcoder
