"""What reaches a person without being asked: alerts, composed, routed, queued and delivered."""
