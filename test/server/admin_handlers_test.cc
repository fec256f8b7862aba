#include "source/server/admin_handlers.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace weir::server {
namespace {

using Query = std::map<std::string, std::string, std::less<>>;

TEST(ParseQuery, DecodesNamesAndValues) {
  EXPECT_EQ(parseQuery(""), Query());
  EXPECT_EQ(parseQuery("a=1&b=2"), (Query{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(parseQuery("a=x%20y+z&%41=%2f"), (Query{{"a", "x y z"}, {"A", "/"}}));
  EXPECT_EQ(parseQuery("flag&=v&&"), (Query{{"flag", ""}, {"", "v"}}));
  EXPECT_EQ(parseQuery("a=1&a=2"), (Query{{"a", "2"}}));
}

TEST(ParseQuery, LeavesMalformedEscapesAlone) {
  EXPECT_EQ(parseQuery("a=%"), (Query{{"a", "%"}}));
  EXPECT_EQ(parseQuery("a=%2"), (Query{{"a", "%2"}}));
  EXPECT_EQ(parseQuery("a=%zz1"), (Query{{"a", "%zz1"}}));
}

TEST(AdminEndpoints, AreUniqueAndExplained) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const AdminEndpoint& endpoint : adminEndpoints()) {
    EXPECT_TRUE(seen.emplace(endpoint.path, endpoint.method).second) << endpoint.path;
    EXPECT_TRUE(endpoint.method == "GET" || endpoint.method == "POST");
    EXPECT_FALSE(endpoint.help.empty());
  }
}

}  // namespace
}  // namespace weir::server
