#include "extensions/access_loggers/common/line_logger.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/file_writer.h"

namespace weir::extensions::access_loggers {
namespace {

TEST(LineLogger, WorkersShareOneFileAndLinesStayWhole) {
  const std::string path = ::testing::TempDir() + "/line_logger" + std::to_string(::getpid());
  ::unlink(path.c_str());
  constexpr int kWorkers = 3;
  constexpr int kLines = 500;
  {
    base::FileWriter writer;
    base::ServiceMap services;
    services.put(writer);
    const LineLoggerFactory factory(path, *http::Format::parse("%REQ(:PATH)% %RESPONSE_CODE%"));
    std::vector<std::thread> workers;
    for (int w = 0; w < kWorkers; ++w) {
      workers.emplace_back([&, w] {
        auto logger = factory.bind(services);
        http::RequestHead request;
        http::ResponseHead response;
        base::Arena arena;
        http::HeaderMap trailers(arena);
        http::StreamInfo info;
        const std::string request_path = "/" + std::to_string(w);
        request.path = request_path;
        for (int i = 0; i < kLines; ++i) {
          info.status = static_cast<uint16_t>(i);
          logger->log(request, response, trailers, info);
        }
      });
    }
    for (auto& worker : workers) worker.join();
  }
  std::ifstream in(path);
  std::string line_path;
  std::vector<int> next(kWorkers, 0);
  int code;
  while (in >> line_path >> code) EXPECT_EQ(next.at(line_path.at(1) - '0')++, code);
  EXPECT_EQ(next, std::vector<int>(kWorkers, kLines));
}

TEST(LineLogger, AFileThatCannotBeOpenedDropsItsLines) {
  base::FileWriter writer;
  base::ServiceMap services;
  services.put(writer);
  const LineLoggerFactory factory("/nonexistent-folder/x", *http::Format::parse("x"));
  auto logger = factory.bind(services);
  http::RequestHead request;
  http::ResponseHead response;
  base::Arena arena;
  http::HeaderMap trailers(arena);
  logger->log(request, response, trailers, http::StreamInfo());
}

}  // namespace
}  // namespace weir::extensions::access_loggers
