#include "extensions/http_filters/grpc_json_transcoder/path_template.h"

#include <gtest/gtest.h>

#include <string>

#include "source/base/concat.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

// "v1 * ** :verb a.b=[1,2)", or the error.
std::string parsed(std::string_view text) {
  const auto result = parsePathTemplate(text);
  if (!result.ok()) return std::string(base::view(result.status().message()));
  std::string out;
  for (const PathTemplate::Segment& segment : result->segments) {
    switch (segment.kind) {
      case PathTemplate::Kind::kLiteral:
        out += segment.literal + " ";
        break;
      case PathTemplate::Kind::kOne:
        out += "* ";
        break;
      case PathTemplate::Kind::kRest:
        out += "** ";
        break;
    }
  }
  if (!result->verb.empty()) out += base::concat(":", result->verb, " ");
  for (const PathTemplate::Variable& variable : result->variables) {
    std::string name;
    for (const std::string& part : variable.field) {
      name += base::concat(name.empty() ? "" : ".", part);
    }
    out += base::concat(name, "=[", variable.first, ",", variable.last, ")",
                        result->spansSegments(variable) ? "... " : " ");
  }
  if (!out.empty()) out.pop_back();
  return out;
}

TEST(PathTemplate, Parses) {
  EXPECT_EQ(parsed("/"), "");
  EXPECT_EQ(parsed("/:go"), ":go");
  EXPECT_EQ(parsed("/v1/shelves"), "v1 shelves");
  EXPECT_EQ(parsed("/v1/*/x/**"), "v1 * x **");
  EXPECT_EQ(parsed("/v1/{id}"), "v1 * id=[1,2)");
  EXPECT_EQ(parsed("/v1/{id=*}"), "v1 * id=[1,2)");
  EXPECT_EQ(parsed("/v1/{id=x}"), "v1 x id=[1,2)");
  EXPECT_EQ(parsed("/{a.b_1.c=shelves/*}/{d=books/**}"),
            "shelves * books ** a.b_1.c=[0,2)... d=[2,4)...");
  EXPECT_EQ(parsed("/v1/{name=**}:move"), "v1 ** :move name=[1,2)...");
  EXPECT_EQ(parsed("/v1/a:move"), "v1 a :move");
  EXPECT_EQ(parsed("/v1.0/~a-b_c!$&'()+,;@%20"), "v1.0 ~a-b_c!$&'()+,;@%20");
  EXPECT_EQ(parsed("/" + std::string(2047, 'a')), std::string(2047, 'a'));
}

TEST(PathTemplate, RefusesWithTheColumn) {
  EXPECT_EQ(parsed(""), "column 1: does not begin with \"/\"; write \"/v1/...\"");
  EXPECT_EQ(parsed("v1"), "column 1: does not begin with \"/\"; write \"/v1/...\"");
  constexpr std::string_view kMissing =
      ": a segment is missing; write a literal, \"*\" or \"{field}\"";
  EXPECT_EQ(parsed("//"), base::concat("column 2", kMissing));
  EXPECT_EQ(parsed("/v1/"), base::concat("column 5", kMissing));
  EXPECT_EQ(parsed("/v1//a"), base::concat("column 5", kMissing));
  EXPECT_EQ(parsed("/}"), base::concat("column 2", kMissing));
  EXPECT_EQ(parsed("/?a"), base::concat("column 2", kMissing));
  EXPECT_EQ(parsed("/{a=}"), base::concat("column 5", kMissing));
  EXPECT_EQ(parsed("/{a=b/}"), base::concat("column 7", kMissing));
  constexpr std::string_view kName = ": the name of a field is missing; write \"{field}\"";
  EXPECT_EQ(parsed("/{}"), base::concat("column 3", kName));
  EXPECT_EQ(parsed("/{1a}"), base::concat("column 3", kName));
  EXPECT_EQ(parsed("/{a.}"), base::concat("column 5", kName));
  EXPECT_EQ(parsed("/{*}"), base::concat("column 3", kName));
  constexpr std::string_view kOpen = ": a variable is not closed; write \"}\"";
  EXPECT_EQ(parsed("/{a"), base::concat("column 4", kOpen));
  EXPECT_EQ(parsed("/{a=*"), base::concat("column 6", kOpen));
  EXPECT_EQ(parsed("/{a:b}"), base::concat("column 4", kOpen));
  EXPECT_EQ(parsed("/{a={b}}"),
            "column 5: a variable inside of a variable; close it with \"}\" before");
  EXPECT_EQ(parsed("/{a}/{a}"), "column 9: a field is given twice; name it in one place");
  EXPECT_EQ(parsed("/**/a"), "column 5: a segment behind \"**\"; \"**\" must be the last one");
  EXPECT_EQ(parsed("/{a=**}/b"), "column 9: a segment behind \"**\"; \"**\" must be the last one");
  EXPECT_EQ(parsed("/a:"), "column 4: the verb behind \":\" is missing; write one, or no colon");
  constexpr std::string_view kBehind = ": text behind the end of the template; remove it";
  EXPECT_EQ(parsed("/a:b:c"), base::concat("column 5", kBehind));
  EXPECT_EQ(parsed("/a:b/c"), base::concat("column 5", kBehind));
  EXPECT_EQ(parsed("/a*"), base::concat("column 3", kBehind));
  EXPECT_EQ(parsed("/*a"), base::concat("column 3", kBehind));
  EXPECT_EQ(parsed("/***"), base::concat("column 4", kBehind));
  EXPECT_EQ(parsed("/{a}b"), base::concat("column 5", kBehind));
  EXPECT_EQ(parsed(std::string("/a\0b", 4)), base::concat("column 3", kBehind));
  EXPECT_EQ(parsed("/" + std::string(2048, 'a')),
            "column 1: is longer than 2048 bytes; shorten it");
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_json_transcoder
