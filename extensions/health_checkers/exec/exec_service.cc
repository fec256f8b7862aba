#include "extensions/health_checkers/exec/exec_service.h"

#include <memory>
#include <string>

#include "source/base/task_pool.h"

namespace weir::extensions::health_checkers::exec {
namespace {

stats::Cell& programs(base::ServiceMap& services, const std::string& result) {
  const stats::CounterId id = services.get<stats::Store>().counter(
      "health_exec_programs_total", "Programs of exec health checks that are over, by result.",
      {{"result", result}});
  return services.get<stats::Block>().counter(id);
}

stats::Cell& gauge(base::ServiceMap& services, const std::string& name, const std::string& help) {
  return services.get<stats::Block>().gauge(services.get<stats::Store>().gauge(name, help));
}

}  // namespace

ExecService::ExecService(base::ServiceMap& services, uint32_t most)
    : dispatcher(services.get<event::Dispatcher>()),
      runner(dispatcher, services.get<base::TaskPool>(), most),
      exited(programs(services, "exited")),
      killed(programs(services, "killed")),
      not_started(programs(services, "not_started")),
      running(gauge(services, "health_exec_running", "Programs of exec health checks that run.")),
      waiting(gauge(services, "health_exec_waiting",
                    "Exec health checks that wait for their turn to run their program.")),
      wait_us(services.get<stats::Block>().histogram(services.get<stats::Store>().histogram(
          "health_exec_wait_us", "How long exec health checks waited for their turn."))) {}

ExecService& ExecService::of(base::ServiceMap& services, uint32_t most) {
  return services.shared<ExecService>(
      [&] { return std::make_shared<ExecService>(services, most); });
}

}  // namespace weir::extensions::health_checkers::exec
