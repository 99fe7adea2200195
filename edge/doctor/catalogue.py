"""All checks, in the order in which they are run: what others depend on comes first."""

from edge.doctor import (
    board,
    camera,
    configuration,
    display,
    frames,
    metrics,
    model,
    mqtt,
    network,
    old_logs,
    page,
    service,
    sinks,
    storage,
    system,
    vision,
)

CHECKS = (
    *board.CHECKS,
    *system.CHECKS,
    *configuration.CHECKS,
    *vision.CHECKS,
    *model.CHECKS,
    *camera.CHECKS,
    *frames.CHECKS,
    *storage.CHECKS,
    *sinks.CHECKS,
    *old_logs.CHECKS,
    *display.CHECKS,
    *page.CHECKS,
    *metrics.CHECKS,
    *mqtt.CHECKS,
    *network.CHECKS,
    *service.CHECKS,
)
