#include "source/server/extension_paths.h"

#include <string>

#include "gtest/gtest.h"

namespace weir::server {
namespace {

using config::AdminPathHandle;
using config::AdminPathReply;
using config::AdminPathRequest;

class ExtensionPathsTest : public testing::Test {
 protected:
  [[nodiscard]] AdminPathHandle add(std::string path, std::string method, std::string says) {
    return paths_.add({.path = std::move(path),
                       .method = std::move(method),
                       .help = says,
                       .handle = [says](const AdminPathRequest& request) {
                         return AdminPathReply{.body = says + std::string(request.value("q"))};
                       }});
  }
  std::string ask(std::string_view path, std::string_view method) {
    const auto found = paths_.find(path, method);
    if (found == nullptr) return "nobody";
    const std::map<std::string, std::string, std::less<>> query = {{"q", "?"}};
    return found->handle({.method = method, .path = path, .query = query}).body;
  }

  ExtensionPaths paths_;
};

TEST_F(ExtensionPathsTest, AnswersWhatIsRegisteredUntilItIsTakenBack) {
  AdminPathHandle cache = add("/cache", "GET", "a");
  EXPECT_EQ(ask("/cache", "GET"), "a?");
  EXPECT_EQ(ask("/cache", "POST"), "nobody");
  EXPECT_EQ(ask("/cache/", "GET"), "nobody");
  cache.reset();
  cache.reset();
  EXPECT_EQ(ask("/cache", "GET"), "nobody");
}

TEST_F(ExtensionPathsTest, TheLastOfOnePathAnswers) {
  AdminPathHandle first = add("/cache", "GET", "first");
  {
    const AdminPathHandle second = add("/cache", "GET", "second");
    EXPECT_EQ(ask("/cache", "GET"), "second?");
    EXPECT_EQ(paths_.list().size(), 1u);
    EXPECT_EQ(paths_.list()[0]->help, "second");
  }
  EXPECT_EQ(ask("/cache", "GET"), "first?");
}

TEST_F(ExtensionPathsTest, ListsSorted) {
  const AdminPathHandle b = add("/b", "GET", "1");
  const AdminPathHandle a_post = add("/a", "POST", "2");
  const AdminPathHandle a_get = add("/a", "GET", "3");
  std::string order;
  for (const auto& path : paths_.list()) order += path->help;
  EXPECT_EQ(order, "321");
}

TEST_F(ExtensionPathsTest, HandlesMove) {
  AdminPathHandle kept;
  {
    AdminPathHandle made = add("/x", "GET", "x");
    kept = std::move(made);
  }
  EXPECT_EQ(ask("/x", "GET"), "x?");
  kept = AdminPathHandle();
  EXPECT_EQ(ask("/x", "GET"), "nobody");
}

TEST_F(ExtensionPathsTest, APathMayBeTakenBackWhileItAnswers) {
  AdminPathHandle handle;
  handle = paths_.add({.path = "/x",
                       .method = "POST",
                       .help = "",
                       .handle = [&, kept = std::string("text")](const AdminPathRequest&) {
                         handle.reset();
                         return AdminPathReply{.body = kept};
                       }});
  EXPECT_EQ(ask("/x", "POST"), "text");
  EXPECT_EQ(ask("/x", "POST"), "nobody");
}

}  // namespace
}  // namespace weir::server
