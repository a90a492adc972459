"""The webhook receiver of `narthex up`: notifications as people read them."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from narthex.app.up.printer import Printer


async def receive(address: str, printer: Printer) -> web.AppRunner:
    """The webhook receiver: prints each notification as people read it."""

    async def post(request: web.Request) -> web.Response:
        for line in describe(await request.json()):
            printer.say("receiver", line)
        return web.Response()

    application = web.Application(client_max_size=16 << 20)
    application.router.add_post("/", post)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    host, _, port = address.rpartition(":")
    await web.TCPSite(runner, host, int(port)).start()
    return runner


def describe(notification: dict[str, Any]) -> list[str]:
    """A webhook notification as lines: one for the group, one for each alert."""
    alerts = notification["alerts"]
    labels = " ".join(f"{k}={v}" for k, v in notification["groupLabels"].items())
    lines = [f"notification [{notification['status'].upper()}:{len(alerts)}] {labels}"]
    for alert in alerts:
        text = alert["annotations"].get("summary") or alert["annotations"].get("description", "")
        when = alert["endsAt"] if alert["status"] == "resolved" else alert["startsAt"]
        lines.append(f"  {alert['status']:8} {alert['labels'].get('alertname', '')} since {when[:19]}Z: {text}")
    return lines
