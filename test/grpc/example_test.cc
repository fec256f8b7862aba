// The example of docs/extending.md, tried.

#include <fstream>
#include <functional>
#include <sstream>

#include "source/grpc/unary.h"
#include "test/grpc/fixture.h"

namespace weir::grpc::test {
namespace {

// Asks a service for prices.
class Prices {
 public:
  Prices(base::ServiceMap& services, const network::Address& server)
      : context_(services, {{"client", "prices"}}),
        channel_(grpc::Channel::create(context_, {.addresses = {server}})) {}

  void ask(std::string_view article, std::function<void(std::string)> done) {
    call_ = std::make_unique<grpc::UnaryCall>(
        *channel_, "/shop.Prices/Get", article,
        grpc::CallOptions{.timeout = std::chrono::seconds(2)},
        [done = std::move(done)](grpc::UnaryResult result) {
          done(result.status.ok() ? result.message : result.status.toString());
        });
  }

 private:
  grpc::ChannelContext context_;
  std::unique_ptr<grpc::Channel> channel_;
  std::unique_ptr<grpc::UnaryCall> call_;
};

class ExampleTest : public ChannelTest {
 protected:
  std::string ask(std::string_view article) {
    std::string answer;
    prices_->ask(article, [&](std::string text) { answer = std::move(text); });
    EXPECT_TRUE(worker_.until([&] { return !answer.empty(); }));
    return answer;
  }
  std::unique_ptr<Prices> prices_ = std::make_unique<Prices>(worker_.services(), server_.address());
};

TEST_F(ExampleTest, Asks) {
  server_.on_request = [](ServerStream& stream) { stream.reply("12.50"); };
  EXPECT_EQ(ask("chair"), "12.50");
  server_.on_request = [](ServerStream& stream) { stream.status(5, "no such article"); };
  EXPECT_EQ(ask("throne"), "NOT_FOUND: no such article");
  server_.on_request = nullptr;
  std::string answer;
  prices_->ask("table", [&](std::string text) { answer = std::move(text); });
  worker_.settle();
  advance(std::chrono::seconds(3));
  EXPECT_EQ(answer.substr(0, 17), "DEADLINE_EXCEEDED");
  prices_.reset();
  worker_.settle();
}

std::string read(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(ExamplePageTest, ShowsThisVeryCode) {
  const std::string page = read("docs/extending.md");
  const size_t section = page.find("## Calling gRPC services from Weir");
  ASSERT_NE(section, std::string::npos);
  const size_t begin = page.find("```cpp\n", section) + 7;
  const std::string code = page.substr(begin, page.find("```", begin) - begin);
  EXPECT_GT(code.size(), 100u);
  EXPECT_NE(read("test/grpc/example_test.cc").find(code), std::string::npos) << code;
}

}  // namespace
}  // namespace weir::grpc::test
