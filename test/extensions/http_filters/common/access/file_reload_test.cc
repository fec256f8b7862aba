#include "extensions/http_filters/common/access/file_reload.h"

#include <atomic>
#include <fstream>

#include "gtest/gtest.h"

#include "source/base/service_map.h"
#include "source/base/task_pool.h"
#include "source/event/uv_dispatcher.h"

namespace weir::extensions::http_filters {
namespace {

class FileReloadTest : public ::testing::Test {
 protected:
  FileReloadTest() {
    services_.put<event::Dispatcher>(*dispatcher_);
    services_.put(pool_);
    services_.put(stats_);
    services_.put(stats_.block(0));
    write("one");
  }
  void write(const std::string& text) const {
    std::ofstream(path_ + ".new") << text;
    std::rename((path_ + ".new").c_str(), path_.c_str());
  }
  FileReload make() {
    return FileReload({.area = "test",
                       .filter = "edge",
                       .files = {path_},
                       .load = [this]() -> absl::Status {
                         const auto text = readSmallFile(path_, 100);
                         if (*text == "bad") return absl::InvalidArgumentError("bad");
                         const std::lock_guard lock(mutex_);
                         loaded_.push_back(*text);
                         return {};
                       }},
                      stats_);
  }
  int64_t reloads(const char* result) const {
    return stats_.valueOf("test_reloads_total", {{"filter", "edge"}, {"result", result}});
  }
  // Runs the loop until a reload has ended so.
  void runUntil(const char* result, int64_t count) {
    auto timer = dispatcher_->createTimer([] {});
    std::function<void()> look = [&] {
      if (reloads(result) >= count) return dispatcher_->stop();
      timer->start(std::chrono::milliseconds(5));
    };
    timer = dispatcher_->createTimer([&] { look(); });
    auto limit = dispatcher_->createTimer([&] { dispatcher_->stop(); });
    limit->start(std::chrono::seconds(10));
    look();
    dispatcher_->run();
    EXPECT_EQ(reloads(result), count);
  }

  const std::string path_ = ::testing::TempDir() + "/watched";
  std::mutex mutex_;
  std::vector<std::string> loaded_;
  stats::Store stats_;
  std::unique_ptr<event::UvDispatcher> dispatcher_ = *event::UvDispatcher::create();
  base::TaskPool pool_{1};
  base::ServiceMap services_;
};

TEST_F(FileReloadTest, LoadsAgainAndSurvivesWhatIsWrong) {
  FileReload reload = make();
  ASSERT_TRUE(reload.loadNow().ok());
  reload.start(services_);
  write("two");
  runUntil("accepted", 1);
  write("bad");
  runUntil("refused", 1);
  write("three");
  runUntil("accepted", 2);
  EXPECT_EQ(loaded_, (std::vector<std::string>{"one", "two", "three"}));
  reload.stop();
}

TEST_F(FileReloadTest, SeesWhatChangedBeforeTheStart) {
  FileReload reload = make();
  ASSERT_TRUE(reload.loadNow().ok());
  write("another");
  reload.start(services_);
  runUntil("accepted", 1);
  EXPECT_EQ(loaded_.back(), "another");
  reload.stop();
}

}  // namespace
}  // namespace weir::extensions::http_filters
