import typer

app = typer.Typer()


@app.command("show")
def show() -> None: ...
@app.command("verify")
def verify() -> None: ...
