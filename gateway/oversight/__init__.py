"""What a data protection officer keeps an eye on: registers, requests with their clock, alerts, breaches."""
